// Runs the design document's JavaScript as it stands: gives it what it takes for granted (leadData, an Express-like
// app, verifySignature, processWebhook), prints each step as one line of JSON, and listens until it is ended.
// usage: node harness.js EXAMPLE HOST KEY SECRET PORT LEADS
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');

const [example, host, key, secret, port, leads] = process.argv.slice(2);
const leadData = JSON.parse(leads);
const routes = {};
const app = { post: (path, handler) => { routes[path] = handler; } };

function verifySignature(body, signature) {
  const expected = 'sha256=' + crypto.createHmac('sha256', secret).update(body).digest('hex');
  const given = Buffer.from(signature || '');
  return given.length === expected.length && crypto.timingSafeEqual(Buffer.from(expected), given);
}

function processWebhook(body) {
  console.log(JSON.stringify({ webhook: JSON.parse(body) }));
}

const code = fs.readFileSync(example, 'utf8')
  .replaceAll('https://mypremierplans.com', host)
  .replaceAll('YOUR_API_KEY', key);
const importLeads = new Function('leadData', 'app', 'verifySignature', 'processWebhook', `${code}; return importLeads;`)(
  leadData, app, verifySignature, processWebhook,
);

const server = http.createServer((req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    const express = {
      status(code) { res.statusCode = code; return this; },
      send(text) { console.log(JSON.stringify({ answered: res.statusCode })); res.end(text); },
    };
    routes[req.url]({ headers: req.headers, body: Buffer.concat(chunks) }, express);
  });
});
server.listen(Number(port), '127.0.0.1', async () => {
  console.log(JSON.stringify({ imported: await importLeads() }));
});
