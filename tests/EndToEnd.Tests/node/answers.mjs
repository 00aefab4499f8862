// OpenAI's own client for Node, unmodified: chat and completions at once, with and without a stream. Prints what it got as JSON.
import OpenAI from 'openai';

const [chatModel, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY, maxRetries: 0 });
const messages = [{ role: 'user', content: 'What is a fox?' }];
const seed = 1;

const chat = await client.chat.completions.create({ model: chatModel, messages, max_tokens: 24, seed });
let streamed = '', frames = 0, finish = null, usage = null;
const stream = await client.chat.completions.create({
  model: chatModel, messages, max_tokens: 24, seed, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  if (chunk.type === 'diffusion_frame') frames++;
  streamed += chunk.choices[0]?.delta?.content ?? '';
  finish = chunk.choices[0]?.finish_reason ?? finish;
  usage = chunk.usage ?? usage;
}

const helper = client.chat.completions.stream({ model: chatModel, messages, max_tokens: 24, seed });
const helped = (await helper.finalChatCompletion()).choices[0].message.content;

const several = { model: chatModel, messages, max_tokens: 24, seed, n: 2, temperature: 0.7, logprobs: true, top_logprobs: 2 };
const shown = (answer) => answer.choices.map((choice) => [choice.index, choice.message.content, choice.logprobs.content]);
const [atOnce, inPieces] = [
  shown(await client.chat.completions.create(several)),
  shown(await client.chat.completions.stream(several).finalChatCompletion()),
];

const completion = await client.completions.create({ model, prompt: 'In the beginning', max_tokens: 8, seed });
let continued = '';
for await (const chunk of await client.completions.create({ model, prompt: 'In the beginning', max_tokens: 8, seed, stream: true }))
  continued += chunk.choices[0]?.text ?? '';

let status = null, message = null;
try {
  await client.chat.completions.create({ model: chatModel, messages, temperature: 11 });
} catch (error) {
  ({ status, message } = error);
}

console.log(JSON.stringify({
  chat: chat.choices[0].message.content, streamed, helped, frames, finish, tokens: usage?.completion_tokens,
  completion: completion.choices[0].text, continued, status, message, atOnce, inPieces,
}));
