import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Controller, Get, Header } from '@nestjs/common';

/** The pages' own files: nothing is loaded from anywhere else. */
@Controller('assets')
export class AssetsController {
  private readonly stylesheet = read('larkspur.css');
  private readonly script = read('live.js');
  private readonly iconImage = read('icon.svg');

  @Get('larkspur.css')
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', 'no-cache')
  styles(): string {
    return this.stylesheet;
  }

  @Get('live.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Header('cache-control', 'no-cache')
  live(): string {
    return this.script;
  }

  @Get('icon.svg')
  @Header('content-type', 'image/svg+xml')
  icon(): string {
    return this.iconImage;
  }
}

function read(name: string): string {
  return readFileSync(path.join(packageRoot(), 'examples/saas/public', name), 'utf8');
}

/** The compiled example runs from `dist`, its tests from the sources; the assets lie in one place. */
function packageRoot(from = import.meta.dirname): string {
  return existsSync(path.join(from, 'package.json')) ? from : packageRoot(path.dirname(from));
}
