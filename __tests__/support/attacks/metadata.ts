import { type Family, type Try, python } from './try';

/** Asks the metadata service. Each answer means that the wall has a hole, also 401 for a request without a token. */
const REACH = `
import urllib.error, urllib.request
def reach(url):
    try:
        answer = urllib.request.urlopen(url + "/latest/meta-data/", timeout=1).status
    except urllib.error.HTTPError as error:
        answer = error.code
    print("answer", answer)
`;

/** The wall that bring-up.sh builds. It needs no BPF. */
const RULES = 'rules of routing';

const UNREACHED = /Permission denied|Operation not permitted|timed out|unreachable|No route|Address family/;

function spelling(name: string, host: string): Try {
  return {
    name: `asks the metadata service: ${name}`,
    wall: `IPAddressDeny, ${RULES}`,
    command: python(`${REACH}\nreach("http://${host}")`),
    held: UNREACHED,
    control: 'root',
  };
}

/** Name in /etc/hosts of the machine: as an attacker's DNS server would answer. */
export const REBOUND_NAME = 'rebound.attack.test';

export const metadata: Family = {
  name: 'the metadata service',
  tries: [
    spelling('dotted', '169.254.169.254'),
    spelling('decimal', '2852039166'),
    spelling('hexadecimal', '0xA9FEA9FE'),
    spelling('octal', '0251.0376.0251.0376'),
    spelling('IPv6', '[fd00:ec2::254]'),
    spelling('mapped into IPv6', '[::ffff:169.254.169.254]'),
    spelling('a name that resolves to it', REBOUND_NAME),
    {
      name: 'asks the metadata service: a redirect of its own server',
      wall: `IPAddressDeny, ${RULES}`,
      command: python(`${REACH}
import http.server, socketserver, threading
class Redirect(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        self.end_headers()
    def log_message(self, *args): pass
server = socketserver.TCPServer(("127.0.0.1", 0), Redirect)
threading.Thread(target=server.serve_forever, daemon=True).start()
reach(f"http://127.0.0.1:{server.server_address[1]}")`),
      held: UNREACHED,
      control: 'root',
    },
    {
      name: 'asks the metadata service: in a user namespace',
      wall: `RestrictNamespaces, IPAddressDeny, ${RULES}`,
      command: python(`${REACH}\ncall("unshare", 0x10000000)\nreach("http://169.254.169.254")`),
      held: UNREACHED,
      control: 'root',
    },
    {
      name: 'asks the metadata service: bound to the network card',
      wall: `IPAddressDeny, ${RULES}`,
      command: python(`
card = next(name for _, name in socket.if_nameindex() if name != "lo")
link = socket.socket()
link.settimeout(1)
link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode())
link.connect(("169.254.169.254", 80))
print("connected through", card)`),
      held: /Permission denied|Operation not permitted|timed out|unreachable|No such device|StopIteration/,
      control: 'root',
    },
    {
      name: 'sends a datagram to the metadata service',
      wall: `IPAddressDeny, ${RULES}`,
      command: python(`
sent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("169.254.169.254", 53))
print("sent", sent)`),
      held: /Permission denied|Operation not permitted/,
      control: 'root',
    },
  ],
};
