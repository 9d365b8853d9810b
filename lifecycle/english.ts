import { config } from 'zod/mini';
import { en } from 'zod/v4/locales';

// `zod/mini` has no texts of its own. The functions and the runner use it because it loads in a third of the time: a check
// is a function instead of a method. So a bundle holds only the checks that a schema calls.
config(en());
