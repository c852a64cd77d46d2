// What a page does with the official client. Each function uses actors under a
// key of its own and returns what it saw. Those that are given `reach` call
// actions through what it makes of a handle: the handle itself, so that each call
// is an HTTP request, or a connection.
import { createClient } from "rivetkit/client";

const scenarios = {
	async action(client, key, reach) {
		const counter = reach(client.counter.getOrCreate(key));
		return [await counter.increment(2), await counter.increment(40), await counter.increment(-40)];
	},

	// Values that each encoding writes in its own way.
	async values(client, key, reach) {
		const value = { text: "héllo ✓", n: 1.5, list: [true, null, "x"], nested: { deep: -7 } };
		return await reach(client.counter.getOrCreate(key)).echo(value);
	},

	async error(client, key, reach) {
		return await caught(() => reach(client.counter.getOrCreate(key)).fail(7));
	},

	// Parameters go in a header over HTTP, in a subprotocol over WebSockets.
	async params(client, key, reach) {
		return await reach(client.counter.getOrCreate(key, { params: { name: "Zoë & co, 100%" } })).whoAmI();
	},

	// An actor that is for pages of one origin.
	async guarded(client, key, reach) {
		return await caught(() => reach(client.guarded.getOrCreate(key)).whoAmI());
	},

	// A call over the connection is answered behind the event that it causes.
	async events(client, key) {
		const conn = client.counter.getOrCreate(key).connect();
		const other = client.counter.getOrCreate(key).connect();
		const seen = [];
		conn.on("countChanged", (n) => seen.push(n));
		const answers = [await conn.increment(1), await conn.increment(1)];
		const before = [...seen];
		await other.increment(5);
		while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
		await Promise.all([conn.dispose(), other.dispose()]);
		return { answers, before, seen };
	},

	// The management API answers pages, too: with an actor, and with an error.
	async manage(client, key) {
		const id = await (await client.counter.create(key)).resolve();
		const found = await client.counter.get(key).resolve();
		const again = await caught(() => client.counter.create(key));
		return { same: id === found && id.length > 0, again: again.code };
	},

	async raw(client, key) {
		const counter = client.counter.getOrCreate(key);
		const answer = await counter.fetch("/greet?name=page", { method: "PUT", headers: { "x-mine": "1" } });
		return { status: answer.status, header: answer.headers.get("x-answer"), text: await answer.text() };
	},
};

async function caught(f) {
	try {
		return { returned: await f() };
	} catch (e) {
		return shown(e);
	}
}

function shown(e) {
	return { group: e.group, code: e.code, message: e.message, metadata: e.metadata };
}

window.play = async ({ scenario, connected, endpoint, encoding, key }) => {
	const client = createClient({ endpoint, encoding });
	try {
		return await scenarios[scenario](client, key, (handle) => (connected ? handle.connect() : handle));
	} catch (e) {
		return { failed: `${e}`, ...shown(e) };
	} finally {
		await client.dispose();
	}
};
