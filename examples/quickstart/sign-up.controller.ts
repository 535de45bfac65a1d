import { Body, Controller, Post, Req } from '@nestjs/common';
import { type BrowserRequest, RegistrationService } from 'nestjs-marketplace-metering';

@Controller('sign-up')
export class SignUpController {
  constructor(private readonly registrations: RegistrationService) {}

  /** Your sign-up form posts here, with the registrationCode that the buyer brought along in the URL. */
  @Post()
  async signUp(@Body() form: { company: string; registrationCode: string }, @Req() browser: BrowserRequest) {
    const tenantId = form.company.toLowerCase(); // create your tenant here
    const subscription = await this.registrations.claim(form.registrationCode, { tenantId, browser });
    return { tenantId, subscriptionId: subscription.id };
  }
}
