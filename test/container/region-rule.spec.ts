import { describe, expect, it } from '@jest/globals';
import { METERING_REGIONS } from '../../src/container/metering-regions.js';
import { chooseRegion } from '../../src/container/region-rule.js';

const [A, B, C] = ['eu-west-1', 'us-east-1', 'ap-south-1'];

describe('the region', () => {
  it.each([
    ['by the option', A, B, C, A, 'option', ['the workload says us-east-1', 'AWS_REGION says ap-south-1']],
    ['by the workload', null, A, B, A, 'workload', ['AWS_REGION says us-east-1']],
    ['by the variable', null, null, A, A, 'variable', []],
    ['where all agree', A, A, A, A, 'option', []],
    ['where nothing says it', null, null, null, null, null, []],
  ])('%s', (_, option, workload, variable, region, source, disagreements) => {
    expect(chooseRegion({ option, workload, variable })).toEqual({ region, source, disagreements });
  });
});

describe('the lists of regions', () => {
  it.each(Object.entries(METERING_REGIONS).filter(([, regions]) => regions !== null))(
    '%s has each once',
    (_, regions) => {
      expect(new Set(regions).size).toBe(regions?.length);
      for (const region of regions ?? []) expect(region).toMatch(/^[a-z]{2}(-gov)?-[a-z]+-\d$/);
    },
  );

  it('are as long as AWS’s: 28 and GovCloud for instances, 28 for ECS, 17 for EKS', () => {
    const { ec2, ecs, eks } = METERING_REGIONS;
    expect([ec2?.length, ecs?.length, eks?.length]).toEqual([30, 28, 17]);
  });
});
