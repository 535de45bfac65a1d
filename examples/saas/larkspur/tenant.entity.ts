import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A customer of Larkspur. Its subscriptions are the module's business; they name the tenant by its id. */
@Entity({ schema: 'larkspur', name: 'tenant' })
export class Tenant {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('text')
  company!: string;

  @Column('text')
  email!: string;

  /** SHA-256 of the API key; the key itself is shown once and kept nowhere. */
  @Column('bytea', { name: 'api_key_hash', nullable: true })
  apiKeyHash!: Buffer | null;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
