/** A mirror with faults: the first part of the path names what goes wrong. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Mirror {
  /** The address of a mirror with this fault. */
  at(fault: string): string;
  /** The `Range` headers (or "-") of the requests that a fault has seen. */
  readonly seen: Map<string, string[]>;
  close(): Promise<void>;
}

interface Exchange {
  readonly body: Buffer;
  /** How often this fault has been asked, this time included. */
  readonly visit: number;
  readonly response: ServerResponse;
  /** Where the client wants the body to start. */
  readonly from: number;
}

type Fault = (exchange: Exchange) => unknown;

const send = ({ response }: Exchange, body: Buffer, status = 200, headers: Record<string, string> = {}): unknown =>
  response.writeHead(status, { "content-length": body.length, ...headers }).end(body);

const honest: Fault = (exchange) => {
  const { body, from } = exchange;
  if (from === 0) return send(exchange, body);
  return send(exchange, body.subarray(from), 206, {
    "content-range": `bytes ${from}-${body.length - 1}/${body.length}`,
  });
};

const half = ({ response, body }: Exchange): unknown =>
  response.writeHead(200, { "content-length": body.length }).write(body.subarray(0, body.length >> 1));

const status =
  (code: number): Fault =>
  (exchange) =>
    send(exchange, Buffer.from("no"), code);

/** Misbehaves on the first visit only. */
const once =
  (fault: Fault, then: Fault = honest): Fault =>
  (exchange) =>
    (exchange.visit === 1 ? fault : then)(exchange);

const reset: Fault = (exchange) => {
  half(exchange);
  setTimeout(() => exchange.response.destroy(), 30);
};

const faults: { readonly [name: string]: Fault } = {
  good: honest,
  "404": status(404),
  "403": status(403),
  "500": status(500),
  "500-once": once(status(500)),
  page: (exchange) => send(exchange, Buffer.from("<html>log in</html>"), 200, { "content-type": "text/html" }),
  "wrong-sum": (exchange) => {
    const body = Buffer.from(exchange.body);
    body[body.length >> 1]! ^= 1;
    send(exchange, body);
  },
  "wrong-length": (exchange) => send(exchange, exchange.body.subarray(1)),
  redirect: ({ response }) => response.writeHead(302, { location: "/good/file" }).end(),
  "redirect-loop": ({ response }) => response.writeHead(302, { location: "/redirect-loop/file" }).end(),
  "reset-once": once(reset),
  "reset-without-ranges": once(reset, (exchange) => send(exchange, exchange.body)),
  "cut-once": once((exchange) => {
    exchange.response.writeHead(200, { "transfer-encoding": "chunked" });
    exchange.response.end(exchange.body.subarray(0, exchange.body.length >> 1));
  }),
  "stall-once": once(half),
  silent: () => {},
  mislabelled: (exchange) => send(exchange, exchange.body, 200, { "content-encoding": "gzip" }),
  drip: ({ response, body }) => {
    response.writeHead(200, { "content-length": body.length });
    const timer = setInterval(() => response.write("x"), 10);
    response.on("close", () => clearInterval(timer));
  },
  endless: ({ response }) => {
    response.writeHead(200);
    const chunk = Buffer.alloc(1 << 16);
    const fill = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", fill);
    fill();
  },
};

/** Serves `body(name)` for every file name, spoiled by the fault in the address. */
export async function startMirror(body: (name: string) => Buffer): Promise<Mirror> {
  const seen = new Map<string, string[]>();
  const server: Server = createServer((request: IncomingMessage, response) => {
    const path = (request.url ?? "").split("/");
    const [name, file] = [path[1]!, path.at(-1)!];
    const ranges = seen.get(name) ?? [];
    seen.set(name, [...ranges, request.headers.range ?? "-"]);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    faults[name]!({ body: body(file), visit: ranges.length + 1, response, from });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    at: (fault) => `http://127.0.0.1:${port}/${fault}/`,
    seen,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}
