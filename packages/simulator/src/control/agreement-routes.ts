import { z } from 'zod';
import { type Agreement, type SuccessorTerms } from '../market/agreement.js';
import { type ControlledSimulator } from './controlled-simulator.js';
import { ControlProblem } from './control-problem.js';
import { type ControlRoute, route } from './control-route.js';
import {
  agreement,
  amendRequest,
  cancellationAnswer,
  cancellationRequest,
  endRequest,
  entitlementsRequest,
  product,
  productChange,
  productRequest,
  registrationForm,
  rumourRequest,
  subscribeRequest,
  successorRequest,
} from './market-schemas.js';

const nothing = z.strictObject({});

/** What is sold, and what buyers do. */
export function agreementRoutes(simulator: ControlledSimulator): ControlRoute[] {
  const known = (agreementId: string): string => {
    if (simulator.agreements().some((one) => one.agreementId === agreementId)) return agreementId;
    throw new ControlProblem(404, `There is no agreement ${agreementId}. GET /_simulator/agreements lists them.`);
  };
  const listing = (productCode: string) => {
    const found = simulator.products().find((one) => one.productCode === productCode);
    if (found) return found;
    throw new ControlProblem(404, `There is no product ${productCode}. POST /_simulator/products makes one.`);
  };
  /** A deed of a buyer that needs nothing but the agreement. */
  const deed = (name: string, summary: string, act: (agreementId: string) => Agreement): ControlRoute =>
    route({
      method: 'POST',
      path: `/agreements/{agreementId}/${name}` as '/agreements/{agreementId}',
      summary,
      body: nothing,
      answer: agreement,
      run: ({ params }) => act(known(params.agreementId)),
    });
  /** A deed after which another agreement may stand in the place of this one. */
  const succession = (
    name: string,
    summary: string,
    act: (agreementId: string, terms: SuccessorTerms) => Agreement,
  ): ControlRoute =>
    route({
      method: 'POST',
      path: `/agreements/{agreementId}/${name}` as '/agreements/{agreementId}',
      summary,
      body: successorRequest,
      answer: agreement,
      run: ({ params, body }) => act(known(params.agreementId), body),
    });
  return [
    route({
      method: 'GET',
      path: '/products',
      summary: 'All products',
      answer: z.object({ products: z.array(product) }),
      run: () => ({ products: simulator.products() }),
    }),
    route({
      method: 'POST',
      path: '/products',
      summary: 'Publish a product',
      body: productRequest,
      status: 201,
      answer: product,
      run: ({ body }) => simulator.createProduct(body),
    }),
    route({
      method: 'GET',
      path: '/products/{productCode}',
      summary: 'One product',
      answer: product,
      run: ({ params }) => listing(params.productCode),
    }),
    route({
      method: 'PATCH',
      path: '/products/{productCode}',
      summary: 'Change a published product; dimensions replace all it had',
      body: productChange,
      answer: product,
      run: ({ params, body }) => simulator.changeProduct(listing(params.productCode).productCode, body),
    }),
    route({
      method: 'GET',
      path: '/agreements',
      summary: 'All agreements, oldest first',
      query: z.strictObject({ productCode: z.exactOptional(z.string()), accountId: z.exactOptional(z.string()) }),
      answer: z.object({ agreements: z.array(agreement) }),
      run: ({ query: { productCode, accountId } }) => ({
        agreements: simulator
          .agreements()
          .filter(
            (one) =>
              (productCode === undefined || one.productCode === productCode) &&
              (accountId === undefined || one.accountId === accountId),
          ),
      }),
    }),
    route({
      method: 'POST',
      path: '/agreements',
      summary: 'A buyer subscribes',
      body: subscribeRequest,
      status: 201,
      answer: agreement,
      run: ({ body }) => {
        listing(body.productCode);
        return simulator.subscribe(body);
      },
    }),
    route({
      method: 'POST',
      path: '/failed-subscriptions',
      summary: 'A buyer accepts an offer, but the payment fails',
      body: subscribeRequest,
      status: 201,
      answer: agreement,
      run: ({ body }) => {
        listing(body.productCode);
        return simulator.failSubscription(body);
      },
    }),
    route({
      method: 'GET',
      path: '/agreements/{agreementId}',
      summary: 'One agreement',
      answer: agreement,
      run: ({ params }) => simulator.agreement(known(params.agreementId)),
    }),
    route({
      method: 'POST',
      path: '/agreements/{agreementId}/amend',
      summary: 'Change a running agreement',
      body: amendRequest,
      answer: agreement,
      run: ({ params, body }) => simulator.amend(known(params.agreementId), body),
    }),
    succession(
      'renew',
      'Renew a running agreement, now or from a start ahead; answers what comes after it',
      (id, terms) => simulator.renew(id, terms),
    ),
    succession(
      'replace',
      'Replace a running agreement by another offer, now or from a start ahead; answers the new agreement',
      (id, terms) => simulator.replace(id, terms),
    ),
    succession('convert-trial', 'Turn a free trial into a paid agreement; answers what it becomes', (id, terms) =>
      simulator.convertTrial(id, terms),
    ),
    route({
      method: 'POST',
      path: '/agreements/{agreementId}/end',
      summary: 'End an agreement, now or at a moment past or future',
      body: endRequest,
      answer: agreement,
      run: ({ params, body }) => simulator.end(known(params.agreementId), body),
    }),
    deed('cancel', 'The buyer cancels, now', (id) => simulator.cancel(id)),
    deed('suspend', 'The buyer’s account is suspended', (id) => simulator.suspend(id)),
    deed('reinstate', 'The buyer’s account is in good standing again', (id) => simulator.reinstate(id)),
    deed('advisory', 'AWS warns of closure, compromise, abuse or fraud of the buyer’s account', (id) => {
      simulator.issueAdvisory(id);
      return simulator.agreement(id);
    }),
    deed('advisory-resolved', 'The warning is taken back', (id) => {
      simulator.resolveAdvisory(id);
      return simulator.agreement(id);
    }),
    route({
      method: 'POST',
      path: '/agreements/{agreementId}/rumour',
      summary: 'AWS says what did not happen; the agreement stays as it is',
      body: rumourRequest,
      run: ({ params, body: { kind, ...options } }) => {
        simulator.spreadRumour(known(params.agreementId), kind, options);
      },
    }),
    route({
      method: 'PUT',
      path: '/agreements/{agreementId}/entitlements',
      summary: 'Replace all entitlements',
      body: entitlementsRequest,
      answer: agreement,
      run: ({ params, body }) => simulator.setEntitlements(known(params.agreementId), body.entitlements),
    }),
    route({
      method: 'POST',
      path: '/agreements/{agreementId}/cancellation-request',
      summary: 'The seller asks the buyer to agree to a cancellation',
      body: cancellationRequest,
      answer: agreement,
      run: ({ params, body }) => simulator.requestCancellation(known(params.agreementId), body.reason, body.message),
    }),
    route({
      method: 'POST',
      path: '/agreements/{agreementId}/cancellation-answer',
      summary: 'The cancellation request is answered',
      body: cancellationAnswer,
      answer: agreement,
      run: ({ params, body }) => simulator.answerCancellation(known(params.agreementId), body.status, body.message),
    }),
    route({
      method: 'POST',
      path: '/agreements/{agreementId}/registration-form',
      summary: 'The fields that the buyer’s browser posts to the registration page, with a new token',
      body: nothing,
      status: 201,
      answer: registrationForm,
      run: ({ params }) => ({ fields: simulator.registrationForm(known(params.agreementId)) }),
    }),
  ];
}
