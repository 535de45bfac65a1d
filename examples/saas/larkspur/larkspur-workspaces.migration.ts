import { type MigrationInterface, type QueryRunner } from 'typeorm';

export class AddWorkspaces1795486400000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TABLE larkspur.workspace (
      subscription_id uuid PRIMARY KEY,
      plan text NOT NULL CHECK (plan IN ('trial', 'paid')),
      agreement_id text,
      provisioned_at timestamptz NOT NULL,
      renewed_at timestamptz,
      closed_at timestamptz
    )`);
    await queryRunner.query(`CREATE TABLE larkspur.notice (
      event_id uuid PRIMARY KEY,
      subscription_id uuid NOT NULL,
      ends_at timestamptz NOT NULL,
      told_at timestamptz NOT NULL
    )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE larkspur.notice, larkspur.workspace');
  }
}
