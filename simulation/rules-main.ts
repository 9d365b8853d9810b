import { rulesTable } from './rules-report';

process.stdout.write(`${rulesTable()}\n`);
