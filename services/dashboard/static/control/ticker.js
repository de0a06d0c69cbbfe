// A worker that ticks: a page's own timers slow down to one a second while its tab is hidden, a worker's do not.

let timer = null;

onmessage = ({ data: intervalMs }) => {
  clearInterval(timer);
  if (intervalMs) timer = setInterval(() => postMessage(null), intervalMs);
};
