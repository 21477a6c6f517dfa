// The parts of a browser that the JavaScript of docs/api.md uses, for node. The first stream of events and the first
// request for links fail with a 503, so the page has to try again; its pauses take no time.
import { readFileSync } from "node:fs";

// The elements of the page. The person chooses a file as soon as the program has run.
const player = {};
const input = new EventTarget();
input.files = [new Blob([readFileSync("clip.mp4")])];
const document = { querySelector: (selector) => ({ "#clip": input, "#player": player })[selector] };
setImmediate(() => input.dispatchEvent(new Event("change")));
const setTimeout = (what) => setImmediate(what);
const asked = { links: 0, events: 0 };

const fetch = async (address, given) => {
  if (address.endsWith("/links") && ++asked.links === 1) return new Response("<h1>no</h1>", { status: 503 });
  return globalThis.fetch(address, given);
};

class EventSource extends EventTarget {
  static CLOSED = 2;
  readyState = 0;
  #broken = new AbortController();

  constructor(address) {
    super();
    setImmediate(++asked.events === 1 ? () => this.#refused() : () => this.#read(address));
  }

  close() {
    this.readyState = EventSource.CLOSED;
    this.#broken.abort();
  }

  #refused() {
    this.dispatchEvent(new Event("error")); // it broke off, and is being connected again
    this.readyState = EventSource.CLOSED;
    this.dispatchEvent(new Event("error"));
  }

  async #read(address) {
    const answer = await globalThis.fetch(address, { signal: this.#broken.signal });
    let text = "";
    try {
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        const events = (text + piece).split("\n\n");
        text = events.pop();
        for (const data of events.map((event) => /^data: (.*)$/m.exec(event)).filter(Boolean))
          this.dispatchEvent(new MessageEvent("job", { data: data[1] }));
      }
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }
}

process.on("exit", () => console.log(JSON.stringify({ asked, player })));
