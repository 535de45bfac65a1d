import { describe, expect, it } from '@jest/globals';
import { type DynamicModule, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MarketplaceMeteringModule } from '../../src/index.js';

@Module({})
class Host {}
@Injectable()
class Settings {}
/** As JavaScript, or a cast, lets it be written. */
const forRoot = MarketplaceMeteringModule.forRoot.bind(MarketplaceMeteringModule) as (given: unknown) => DynamicModule;
const forRootAsync = MarketplaceMeteringModule.forRootAsync.bind(MarketplaceMeteringModule) as (
  given?: unknown,
) => DynamicModule;

async function start(make: () => unknown): Promise<unknown> {
  try {
    const root = { module: Host, imports: [make()] } as DynamicModule;
    const app = await NestFactory.create(root, { logger: false, abortOnError: false });
    await app.init();
    await app.close();
    return 'started';
  } catch (error) {
    return error;
  }
}

describe('what stands in the place of options and is none is refused with what to write, not read as none', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a Promise for forRoot', () => forRoot(Promise.resolve({})), /forRoot was given a Promise: .*forRootAsync/],
    ['null for forRoot', () => forRoot(null), /forRoot was given null for options: give an object/],
    ['text for forRoot', () => forRoot('maple'), /forRoot was given string/],
    ['a list for forRoot', () => forRoot([{}]), /forRoot was given a list/],
    ['nothing for forRootAsync', () => forRootAsync(), /forRootAsync was given nothing/],
    [
      'a factory without return',
      () => forRootAsync({ useFactory: () => undefined }),
      /factory of forRootAsync was given nothing.*\{\} where/,
    ],
    ['a factory of null', () => forRootAsync({ useFactory: () => Promise.resolve(null) }), /was given null/],
    ['a factory of text', () => forRootAsync({ useFactory: () => 'maple' }), /was given string/],
    [
      'a class that makes none',
      () => forRootAsync({ useClass: Settings }),
      /Settings makes no options: .*createMarketplaceOptions/,
    ],
    ['no way', () => forRootAsync({}), /exactly one of useFactory/],
    [
      'the class itself',
      () => MarketplaceMeteringModule,
      /imports MarketplaceMeteringModule itself: import MarketplaceMeteringModule\.forRoot/,
    ],
  ])('%s', async (_, make, message) => {
    expect(await start(make)).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringMatching(message) });
  });

  it('an error of the host’s own comes through as it is', async () => {
    const own = new Error('the vault is closed');
    expect(await start(() => forRootAsync({ useFactory: () => Promise.reject(own) }))).toBe(own);
  });
});
