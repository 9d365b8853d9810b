/** Escapes text for Terraform, which would otherwise evaluate everything between `${` or `%{` and `}`. */
export function literal(text: string): string {
  // A function, because a replacement string turns two dollar signs into one.
  return text.replace(/[$%](?=\{)/g, (sign) => sign + sign);
}
