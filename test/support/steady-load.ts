import { RawClient, rawRequest, type RawAnswer } from './raw-client.ts';

/** Clients that send one request after the other on connections of their own, and connect anew when one breaks. */
export class SteadyLoad {
  sent = 0;
  answered = 0;
  /** Connections that ended before their answer was complete, by number of the client. */
  readonly broken: number[] = [];
  /** Answers that are not as they should be. */
  readonly wrong: string[] = [];
  readonly #url: string;
  readonly #request: Buffer;
  readonly #isRight: (answer: RawAnswer) => boolean;
  readonly #clients: Promise<void>[];
  #isOn = true;

  constructor(url: string, clients: number, path: string, isRight: (answer: RawAnswer) => boolean = isOk) {
    this.#url = url;
    this.#request = rawRequest(path);
    this.#isRight = isRight;
    this.#clients = Array.from({ length: clients }, (_, i) => this.#run(i));
  }

  /** Ends after the requests under way. */
  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#clients);
  }

  async #run(number: number): Promise<void> {
    while (this.#isOn) {
      let client: RawClient;
      try {
        client = await RawClient.connect(this.#url);
      } catch {
        // Connections that were not accepted yet go with their worker.
        this.broken.push(number);
        continue;
      }
      while (this.#isOn) {
        this.sent++;
        client.send(this.#request);
        const answer = await client.answer();
        if (answer === null) {
          this.broken.push(number);
          break;
        }
        this.answered++;
        if (!this.#isRight(answer)) this.wrong.push(`${answer.status} ${answer.body.toString().slice(0, 200)}`);
      }
      client.close();
    }
  }
}

function isOk({ status }: RawAnswer): boolean {
  return status === 200;
}
