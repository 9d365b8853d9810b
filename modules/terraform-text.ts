/** Text that Terraform takes literally: without this it would evaluate what stands between `${` or `%{` and `}`. */
export function literal(text: string): string {
  // A function, because in a replacement string two dollar signs mean one.
  return text.replace(/[$%](?=\{)/g, (sign) => sign + sign);
}
