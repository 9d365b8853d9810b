/**
 * EC2's metadata service, version 2: refuses a GET without the token. `answers`: a text, or an error's status code, by path
 * below /latest/. Every other path is answered by 404.
 */
export function metadataService(answers: Readonly<Record<string, string | number>>): typeof fetch {
  return (url, init) => {
    const address = url instanceof Request ? url.url : String(url);
    const path = /^http:\/\/169\.254\.169\.254\/latest\/(.*)$/.exec(address)?.[1];
    if (path === undefined) return Promise.reject(new Error(`not the metadata service: ${address}`));
    if (path === 'api/token' && init?.method === 'PUT') return Promise.resolve(new Response('token'));
    const token = new Headers(init?.headers).get('X-aws-ec2-metadata-token');
    if (token !== 'token') return Promise.resolve(new Response('', { status: 401 }));
    const answer = answers[path] ?? 404;
    return Promise.resolve(
      typeof answer === 'string' ? new Response(answer) : new Response('', { status: answer }),
    );
  };
}
