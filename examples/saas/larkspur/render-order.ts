import { z } from 'zod';

export const RENDER_SIZES = {
  thumbnail: { label: 'Thumbnail, 500 × 500', width: 500, height: 500 },
  preview: { label: 'Preview, 1250 × 1000', width: 1250, height: 1000 },
  poster: { label: 'Poster, 2500 × 1500', width: 2500, height: 1500 },
} as const;

export type RenderSize = keyof typeof RENDER_SIZES;

const sizes = Object.keys(RENDER_SIZES) as [RenderSize, ...RenderSize[]];

/** What a customer orders, from a form or as JSON. */
export const renderOrderSchema = z.object({
  images: z.coerce
    .number({ error: 'images: give a number from 1 to 1000' })
    .int({ error: 'images: give a whole number' })
    .min(1, { error: 'images: give at least 1' })
    .max(1000, { error: 'images: give at most 1000; split larger orders' }),
  size: z.enum(sizes, { error: `size: give one of ${sizes.join(', ')}` }).default('thumbnail'),
  // Becomes a tag on the buyer's AWS bill, so it keeps to what AWS takes as a tag.
  project: z
    .string({ error: 'project: give a text' })
    .trim()
    .max(100, { error: 'project: give at most 100 characters' })
    .regex(/^[A-Za-z0-9 +\-=._:/@]*$/, { error: 'project: give letters, digits, spaces and + - = . _ : / @' })
    .transform((project) => (project === '' ? null : project))
    .nullish()
    .transform((project) => project ?? null),
});

export type RenderOrder = z.output<typeof renderOrderSchema>;

/** Exact: pixels are whole numbers, and a millionth of one has at most six decimals. */
export function megapixelsOf({ images, size }: Pick<RenderOrder, 'images' | 'size'>): string {
  const { width, height } = RENDER_SIZES[size];
  return String((images * width * height) / 1_000_000);
}

/** All that is wrong with some input, as one sentence for a person. */
export function sentenceOf(error: z.ZodError): string {
  return `${error.issues.map((issue) => issue.message).join('; ')}.`;
}
