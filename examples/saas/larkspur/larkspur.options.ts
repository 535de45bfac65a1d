import { type Options } from 'nestjs-marketplace-metering';
import { type Html } from '../web/html.js';
import { type Link } from '../web/page.js';

/** What Larkspur is sold by on AWS Marketplace: whole images, and their size with its fractions. */
export const RENDERS = 'renders';
export const MEGAPIXELS = 'megapixels';

export interface LarkspurOptions {
  /** One database for Larkspur's own tables and the module's: usage is recorded in the transaction that renders. */
  databaseUrl: string;
  /** Where browsers reach Larkspur, without a path. */
  publicUrl: string;
  /** The listing on AWS Marketplace, for buyers who must go back there. */
  listingUrl: string;
  productCode: string;
  /** Options of MarketplaceMeteringModule beyond those that follow from the ones above. */
  marketplace: Options;
  links: readonly Link[];
  /** Shown on the dashboard, below the product. The demo opens its view behind the scenes here. */
  dashboardPanel?: (tenantId: string) => Promise<Html>;
}

export const LARKSPUR_OPTIONS = Symbol('larkspur options');
