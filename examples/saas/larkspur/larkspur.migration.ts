import { type MigrationInterface, type QueryRunner } from 'typeorm';

export class CreateLarkspur1795400000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE SCHEMA IF NOT EXISTS larkspur');
    await queryRunner.query(`CREATE TABLE larkspur.tenant (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      company text NOT NULL,
      email text NOT NULL,
      api_key_hash bytea UNIQUE,
      created_at timestamptz NOT NULL DEFAULT now()
    )`);
    await queryRunner.query(`CREATE TABLE larkspur.job (
      id uuid PRIMARY KEY,
      tenant_id uuid NOT NULL REFERENCES larkspur.tenant,
      size text NOT NULL,
      images integer NOT NULL CHECK (images > 0),
      megapixels numeric NOT NULL,
      project text,
      request_key text NOT NULL,
      rendered_at timestamptz NOT NULL,
      UNIQUE (tenant_id, request_key)
    )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP SCHEMA larkspur CASCADE');
  }
}
