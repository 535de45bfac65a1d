import { Column, Entity, PrimaryColumn } from 'typeorm';
import { type RenderSize } from './render-order.js';

/** One order of images, rendered and paid for by what it used. */
@Entity({ schema: 'larkspur', name: 'job' })
export class RenderJob {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'tenant_id' })
  tenantId!: string;

  @Column('text')
  size!: RenderSize;

  @Column('integer')
  images!: number;

  @Column('numeric')
  megapixels!: string;

  @Column('text', { nullable: true })
  project!: string | null;

  /** The client's own name for the order: an order sent twice is rendered, and billed, once. */
  @Column('text', { name: 'request_key' })
  requestKey!: string;

  @Column('timestamptz', { name: 'rendered_at' })
  renderedAt!: Date;
}
