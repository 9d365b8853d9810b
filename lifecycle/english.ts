import { config } from 'zod/mini';
import { en } from 'zod/v4/locales';

// `zod/mini` has no texts of its own. What runs in a function or on the instance uses it, because it loads in a third of the
// time: a check is a function instead of a method, so a bundle holds only what a schema calls.
config(en());
