// What the JavaScript of docs/api.md finds in a browser, for node. The first stream of events and the first request for
// links are refused with a 503, so the page has to try again; its pauses last no time.
import { readFileSync } from "node:fs";

const key = process.env.V2M_API_KEY;
const file = new Blob([readFileSync("clip.mp4")]);
const player = {};
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
