/** HTTP/1.1 to one endpoint of etcd: a request with an answer, or a stream of lines. Everything is bounded. */
import http from 'node:http';
import https from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { formatEndpoint, type Endpoint } from '../address/index.ts';
import type { TlsFiles } from './access.ts';

/** Longest answer, and longest line of a stream, bytes: both keys at etcd's own limit (1.5 MiB each), in base64. */
const mostBytes = 8 * 1_048_576;

export interface Answer {
  readonly status: number;
  /** Undefined when the body is not JSON. */
  readonly body: unknown;
  readonly text: string;
}

export interface LineStream {
  close(): void;
}

export interface LineHandlers {
  onLine(line: unknown): void;
  /** Once, at the end, however it came about; not after close(). */
  onEnd(error: Error): void;
}

/** Connections to etcd with one set of certificates. `tls` undefined: plain. */
export class Transport {
  readonly #tls: TlsFiles | undefined;
  readonly #agent: http.Agent;

  constructor(tls: TlsFiles | undefined) {
    this.#tls = tls;
    const options = { keepAlive: true, maxFreeSockets: 2, timeout: 60_000 };
    this.#agent =
      tls === undefined ? new http.Agent(options) : new https.Agent({ ...options, minVersion: 'TLSv1.2' });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Rejects with what the network or TLS said, or after `timeoutMs`. */
  async post(
    endpoint: Endpoint,
    path: string,
    body: object,
    token: string,
    timeoutMs: number,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = this.#request(endpoint, path, body, token);
      const timer = setTimeout(
        () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        act();
      };
      request.on('error', (error) => settle(() => reject(error)));
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > mostBytes) request.destroy(new Error(`the answer is longer than ${mostBytes} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', (error) => settle(() => reject(error)));
        response.on('close', () => settle(() => reject(new Error('the connection ended within the answer'))));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          settle(() => resolve({ status: response.statusCode ?? 0, body: parsed(text), text }));
        });
      });
    });
  }

  /** Opens a stream of JSON lines. */
  lines(endpoint: Endpoint, path: string, body: object, token: string, handlers: LineHandlers): LineStream {
    const request = this.#request(endpoint, path, body, token);
    let ended = false;
    const end = (error: Error): void => {
      if (ended) return;
      ended = true;
      request.destroy();
      handlers.onEnd(error);
    };
    request.on('error', end);
    request.on('socket', (socket) => socket.setKeepAlive(true, 10_000));
    request.on('response', (response) => {
      const decoder = new StringDecoder('utf8');
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += decoder.write(chunk);
        for (let at = text.indexOf('\n'); at !== -1 && !ended; at = text.indexOf('\n')) {
          const line = text.slice(0, at);
          text = text.slice(at + 1);
          if (line.trim() !== '') handlers.onLine(parsed(line));
        }
        if (text.length > mostBytes) end(new Error(`a line is longer than ${mostBytes} bytes`));
      });
      response.on('error', end);
      response.on('close', () => end(new Error('the stream ended')));
    });
    return {
      close() {
        ended = true;
        request.destroy();
      },
    };
  }

  #request({ host, port }: Endpoint, path: string, body: object, token: string): http.ClientRequest {
    const text = JSON.stringify(body);
    const options = {
      host,
      port,
      path,
      method: 'POST',
      agent: this.#agent,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        ...(token !== '' && { authorization: token }),
      },
    };
    const request =
      this.#tls === undefined ? http.request(options) : https.request({ ...options, ...this.#tls });
    request.on('error', () => {});
    request.end(text);
    return request;
  }
}

export function endpointName(endpoint: Endpoint): string {
  return formatEndpoint(endpoint);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
