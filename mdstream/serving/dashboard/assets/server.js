"use strict";
// Asks the dashboard's server what changed; it answers as soon as something did.

window.mdstream = window.mdstream || {};

mdstream.server = (() => {
  const WAIT_MILLIS = 1000;
  const LATE_MILLIS = 10000; // a server that has not answered by then will not
  const HIDDEN_MILLIS = 5000;
  const FIRST_PAUSE_MILLIS = 250;
  const LONGEST_PAUSE_MILLIS = 5000;
  let timer = 0;
  let asking = null;
  let pause = FIRST_PAUSE_MILLIS;
  let page = null;

  // handlers: question() returns what is asked, took(answer), failed(status or undefined, text)
  function start(handlers, refresh) {
    page = { ...handlers, refresh };
    document.addEventListener("visibilitychange", ask);
  }

  // Asks at once, for another chart too: what was asked before is no longer waited for.
  function ask() {
    clearTimeout(timer);
    if (asking) asking.abort();
    const own = (asking = new AbortController());
    const late = setTimeout(() => own.abort(), LATE_MILLIS);
    // A page that nobody sees holds no connection: browsers have few for a site.
    const query = { ...page.question(), wait: document.hidden ? 0 : WAIT_MILLIS };
    fetch(`live?${new URLSearchParams(query)}`, { signal: own.signal })
      .then(read)
      .then((answer) => { if (own === asking) took(answer); })
      .catch((failure) => { if (own === asking) failed(failure); })
      .finally(() => clearTimeout(late));
  }

  async function read(response) {
    if (response.ok) return response.json();
    throw Object.assign(new Error(await response.text()), { status: response.status });
  }

  function took(answer) {
    pause = FIRST_PAUSE_MILLIS;
    page.took(answer);
    timer = setTimeout(ask, document.hidden ? HIDDEN_MILLIS : page.refresh);
  }

  function failed(failure) {
    timer = setTimeout(ask, pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
    page.failed(failure.status, failure.message);
  }

  // Bars before an instant, in milliseconds.
  const older = (symbol, windowName, before) =>
    fetch(`history?${new URLSearchParams({ symbol, window: windowName, before })}`).then(read);

  return { start, ask, older };
})();
