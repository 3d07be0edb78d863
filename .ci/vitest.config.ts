import { defineConfig } from 'vitest/config';

/** Tests that install octank anew: minutes, not seconds, so they stand apart from `npm test`. */
export default defineConfig({
  test: {
    include: ['.ci/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
});
