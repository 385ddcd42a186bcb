// The live socket. Owns connecting again, for ever, with a growing pause; refuses to know what the states mean.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
// The server says something every 5 s. A cable that was pulled closes no socket: silence has to.
const SILENCE_MS = 15000;

/** Pause before the n-th try (from 0), with some spread so that all pages do not come back at once. */
export function pause(tries, random = Math.random()) {
  return Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS) * (0.75 + 0.5 * random);
}

export function follow(address, { onState, onConnection }) {
  let tries = 0;
  let silence = 0;
  let retry = 0;
  let socket = null;

  const lost = (from) => {
    if (from !== socket) return;
    socket = null;
    clearTimeout(silence);
    onConnection("lost");
    clearTimeout(retry);
    retry = setTimeout(connect, pause(tries++));
  };
  const listen = (from) => {
    clearTimeout(silence);
    silence = setTimeout(() => { from.close(); lost(from); }, SILENCE_MS);
  };
  const connect = () => {
    clearTimeout(retry);
    const mine = new WebSocket(address);
    socket = mine;
    listen(mine);
    mine.onmessage = (event) => {
      if (mine !== socket) return;
      tries = 0;
      listen(mine);
      onConnection("open");
      onState(JSON.parse(event.data));
    };
    mine.onclose = () => lost(mine);
  };

  // A phone that wakes up, or a network that is back, need not wait for the pause.
  const soon = () => { if (!socket && document.visibilityState === "visible") { tries = 0; connect(); } };
  document.addEventListener("visibilitychange", soon);
  addEventListener("online", soon);
  connect();
}
