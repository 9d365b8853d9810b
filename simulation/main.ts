import { simulate } from './simulate';

const output = {
  print: (text: string) => void process.stdout.write(`${text}\n`),
  warn: (text: string) => void process.stderr.write(`${text}\n`),
};

void simulate(process.argv.slice(2), output).then((code) => {
  process.exitCode = code;
});
