// Clients of Node's TLS 1.2, of a gateway whose chat server echoes. For each suite one that makes a
// session and one that resumes it.
//
//   node tls12_client.js PORT AUTHORITY SERVER_NAME FIRST_PACKET_IN_HEX OPTIONS SUITE…
//
// OPTIONS: of OpenSSL, as a number. Says "all are served", waits for the end of its input, and has
// the gateway end each of them.
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const {once} = require('events');
const tls = require('tls');

const LENGTHS = [1, 15, 16, 17, 1000, 16383, 16384, 16385, 100000];
const [port, authority, servername, firstPacket, options, ...suites] = process.argv.slice(2);

async function connect(suite, session) {
  const socket = tls.connect({
    host: '127.0.0.1', port, servername, session,
    ca: fs.readFileSync(authority),
    ciphers: suite,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    secureOptions: Number(options),
  });
  await once(socket, 'secureConnect');
  assert.strictEqual(socket.getCipher().name, suite);
  assert.strictEqual(socket.isSessionReused(), session !== undefined, suite);
  return socket;
}

// Of what a socket receives, so many bytes.
function receive(socket, length) {
  const pieces = [];
  let missing = length;
  return new Promise((resolve, reject) => {
    const onData = (piece) => {
      pieces.push(piece);
      missing -= piece.length;
      if (missing <= 0) leave(() => resolve(Buffer.concat(pieces)));
    };
    const onEnd = () => leave(() => reject(new Error('it was closed')));
    const leave = (then) => {
      socket.off('data', onData);
      socket.off('end', onEnd);
      then();
    };
    socket.on('data', onData);
    socket.on('end', onEnd);
  });
}

async function echo(socket, data) {
  const back = receive(socket, data.length);
  socket.write(data);
  assert((await back).equals(data), `${data.length} bytes came back as others`);
}

async function echoAll(socket) {
  await echo(socket, Buffer.from(firstPacket, 'hex'));
  for (const length of LENGTHS) await echo(socket, crypto.randomBytes(length));
}

async function main() {
  const sockets = [];
  for (const suite of suites) {
    const first = await connect(suite);
    await echoAll(first);
    const again = await connect(suite, first.getSession());
    await echoAll(again);
    sockets.push(first, again);
  }
  console.log('all are served');
  await once(process.stdin.resume(), 'end');
  for (const socket of sockets) {
    socket.resume();
    socket.end();
    await once(socket, 'end');
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
