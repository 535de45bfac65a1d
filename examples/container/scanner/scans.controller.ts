import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { MeteringService, type RecordResult } from 'nestjs-marketplace-metering';
import { SCANS } from './scanner.options.js';

interface ScanOrder {
  /** Of the order, by whoever gives it: given again it is the same scan, and is counted once. */
  id: string;
  /** How much there is to scan. */
  gigabytes: string;
}

@Controller('scans')
export class ScansController {
  constructor(private readonly metering: MeteringService) {}

  /** The installation is the one customer: usage needs no tenant. */
  @Post()
  @HttpCode(202)
  scan(@Body() { id, gigabytes }: ScanOrder): Promise<RecordResult> {
    return this.metering.record({ dimension: SCANS, quantity: gigabytes, idempotencyKey: id });
  }
}
