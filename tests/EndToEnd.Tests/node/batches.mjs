// OpenAI's own client for Node, unmodified: a file at once, a file in parts, and a batch over each. Prints what it got as JSON.
import OpenAI, { toFile } from 'openai';

const [model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY, maxRetries: 0 });
const line = (id) => JSON.stringify({
  custom_id: id, method: 'POST', url: '/v1/completions', body: { model, prompt: 'In the beginning', max_tokens: 4, seed: 1 },
}) + '\n';
const bytes = Buffer.from(line('a') + line('b'));

const whole = await client.files.create({ file: await toFile(bytes, 'input.jsonl'), purpose: 'batch' });

const upload = await client.uploads.create({
  bytes: bytes.length, filename: 'input.jsonl', mime_type: 'application/jsonl', purpose: 'batch',
});
const parts = [];
for (const part of [bytes.subarray(0, 50), bytes.subarray(50)])
  parts.push((await client.uploads.parts.create(upload.id, { data: await toFile(part, 'part') })).id);
const completed = await client.uploads.complete(upload.id, { part_ids: parts });

const run = async (input_file_id) => {
  let batch = await client.batches.create({ input_file_id, endpoint: '/v1/completions', completion_window: '24h', metadata: { by: 'node' } });
  while (!['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    batch = await client.batches.retrieve(batch.id);
  }
  const output = await (await client.files.content(batch.output_file_id)).text();
  return { batch, answers: output.trim().split('\n').map((text) => JSON.parse(text)) };
};
const [first, second] = [await run(whole.id), await run(completed.file.id)];

const listed = [];
for await (const batch of client.batches.list({ limit: 1 })) listed.push(batch.id);

let code = null;
try {
  await client.batches.cancel(first.batch.id);
} catch (error) {
  code = error.code;
}

console.log(JSON.stringify({
  upload: completed.status,
  sameBytes: Buffer.from(await (await client.files.content(completed.file.id)).arrayBuffer()).equals(bytes),
  status: [first.batch.status, second.batch.status],
  ids: first.answers.map((answer) => answer.custom_id),
  texts: [first, second].map(({ answers }) => answers.map((answer) => answer.response.body.choices[0].text)),
  counts: second.batch.request_counts,
  listed: [first.batch.id, second.batch.id].every((id) => listed.includes(id)),
  code,
  deleted: (await client.files.delete(whole.id)).deleted,
}));
