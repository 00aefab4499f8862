// Templates from a seeded grammar of what the library computes, where Python's Jinja and @huggingface/jinja agree.
export const variables = {
  messages: [
    { role: 'system', content: ' Be brief.\n' }, { role: 'user', content: 'a,b,,c and é x' },
    { role: 'assistant', content: '<think>\nhm\n</think>\n\nYes.' }, { role: 'user', content: '' },
  ],
  word: 'Hello World', text: '\n  two\n\n lines \n', count: 3, zero: 0, yes: true, no: false, nothing: null, empty: [],
  map: { b: 'two', a: 'one' }, names: ['x', 'yy', 'x', ''],
};

export function generate(count, isKnown) {
  const templates = [];
  for (let seed = 1; templates.length < count; seed++) {
    const template = new Writer(source(seed)).template();
    if (isKnown(template)) templates.push(template);
  }
  return templates;
}

function source(seed) {
  let state = seed * 2654435761 >>> 0;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state >>> 8) / 2 ** 24 * below);
  };
}

class Writer {
  constructor(random) {
    this.random = random;
    this.texts = ['word', 'text', "map['a']", 'map.b', 'messages[1].content', 'messages[-1].role', "messages[2]['content']"];
    this.numbers = ['count', 'zero', 'messages | length'];
    this.loops = 0;
  }

  one(...choices) {
    const choice = choices[this.random(choices.length)];
    return typeof choice === 'function' ? choice() : choice;
  }

  template() {
    let parts = '';
    for (let index = this.random(5) + 2; index > 0; index--) parts += this.statement(3);
    return parts + this.one('', '\n', 'end\n', '\n\n');
  }

  body(depth) {
    let parts = '';
    for (let index = this.random(3) + 1; index > 0; index--) parts += this.statement(depth - 1);
    return parts;
  }

  open(name) { return this.one('{% ', '{%- ', '{%') + name; }

  close() { return this.one(' %}', ' -%}', '%}', ' %}\n', ' %}\n  ', ' -%}\n  '); }

  tag(content) { return this.open(content) + this.close(); }

  statement(depth) {
    if (depth <= 0) return this.output();
    return this.one(
      () => this.output(), () => this.output(), () => this.plain(), () => this.choice(depth), () => this.loop(depth), () => this.assignment(),
      () => this.macro(depth), () => this.counting(depth), () => this.one('{# note #}', '{#- note -#}', '  {# note #}\n'));
  }

  plain() { return this.one('a ', 'b\n', '\n', '  ', ' \n  ', '{ }', '%} ', "it's "); }

  output() { return this.one('{{ ', '{{- ', '{{') + this.one(() => this.text(3), () => this.number(2)) + this.one(' }}', ' -}}', ' }}\n', ' }} '); }

  choice(depth) {
    let parts = this.tag(`if ${this.truth(2)}`) + this.body(depth);
    if (this.random(2)) parts += this.tag(`elif ${this.truth(2)}`) + this.body(depth);
    if (this.random(2)) parts += this.tag('else') + this.body(depth);
    return parts + this.tag('endif');
  }

  loop(depth) {
    const [texts, numbers] = [this.texts, this.numbers], name = `m${this.loops++}`;
    const [head, inner] = this.one(
      () => [`for ${name} in messages`, [`${name}.content`, `${name}['role']`]],
      () => [`for ${name} in messages[${this.one('1:', ':2', '::-1', '1:-1')}]`, [`${name}.role`]],
      () => [`for ${name} in names`, [name]],
      () => [`for ${name}, value in map.items()`, [name, 'value']],
      () => [`for ${name} in messages if ${name}.role == 'user'`, [`${name}.content`]],
      () => [`for ${name} in empty`, [name]],
      () => [`for ${name} in ${this.list()}`, [name]]);
    this.texts = [...texts, ...inner];
    this.numbers = [...numbers, 'loop.index', 'loop.index0', 'loop.length', 'loop.revindex'];
    let parts = this.tag(head) + (this.random(4) ? '' : `{% if loop.${this.one('first', 'last')} %}{% ${this.one('continue', 'break')} %}{% endif %}`) + this.body(depth);
    [this.texts, this.numbers] = [texts, numbers];
    if (!this.random(4)) parts += this.tag('else') + this.body(depth);
    return parts + this.tag('endfor');
  }

  assignment() {
    const name = `v${this.texts.length}`, isBlock = !this.random(4);
    const written = isBlock ? this.tag(`set ${name}`) + this.output() + this.tag('endset') : this.tag(`set ${name} = ${this.text(2)}`);
    this.texts = [...this.texts, name];
    return written;
  }

  counting(depth) {
    const name = `ns${this.loops++}`;
    return this.tag(`set ${name} = namespace(n=${this.number(1)}, t='')`) + this.tag(`for item in names`)
      + this.tag(`set ${name}.n = ${name}.n + ${this.number(1)}`) + this.tag(`set ${name}.t = ${name}.t + item + ${this.text(1)}`)
      + this.tag('endfor') + `{{ ${name}.n }}{{ ${name}.t }}`;
  }

  macro(depth) {
    const name = `macro${this.loops++}`, texts = this.texts;
    this.texts = ['word', 'one', 'two'];
    const parts = this.tag(`macro ${name}(one, two=${this.literal()})`) + this.one(() => this.output(), () => this.choice(1)) + this.tag('endmacro');
    this.texts = texts;
    return parts + `{{ ${name}(${this.text(1)}) }}{{ ${name}(${this.text(1)}, two=${this.text(1)}) }}`;
  }

  literal() { return this.one("'a'", '"b"', "'\\n'", "''", "'two'", "'<|x|>'", "'it\\'s'", "'\\u00e9'"); }

  text(depth) {
    if (depth <= 0) return this.one(() => this.literal(), () => this.one(...this.texts));
    const inner = () => this.text(depth - 1);
    return this.one(
      () => this.one(...this.texts), () => this.literal(), () => `${inner()} + ${inner()}`, () => `(${inner()} ~ ${this.number(1)})`,
      () => `(${inner()}) | trim`, () => `(${inner()}).strip()`, () => `(${inner()}).lstrip()`, () => `(${inner()}).rstrip()`,
      () => `(${inner()}) | upper`, () => `(${inner()}).lower()`, () => `(${inner()}).split('${this.one(',', ' ', '</think>')}')[${this.one('0', '-1')}]`,
      () => `(${inner()})[${this.one('1:', ':3', '-4:', '1:-1')}]`, () => `(${inner()}) | replace('l', 'L')`, () => `(${inner()}).replace('a', '')`,
      () => `(${inner()} if ${this.truth(1)} else ${inner()})`, () => `${this.list()} | join(${this.literal()})`, () => `messages | tojson`,
      () => `${this.one('map', 'names', 'messages[0]')} | tojson(indent=${this.one('2', '4')})`, () => `missing | default(${this.literal()})`,
      () => `${this.list()} | ${this.one('first', 'last')}`, () => `map.get('${this.one('a', 'b')}', 'z')`, () => `(${inner()}) | string`,
      () => `messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join('|')`,
      () => `messages | rejectattr('role', 'equalto', 'user') | map(attribute='role') | join`);
  }

  list() {
    return this.one('names', "['p', 'q']", "('r', 's')", 'names[1:]', "word.split('o')", "text.split()", "'a,b'.split(',')", "(['a'] + ['b'])",
      "messages | map(attribute='role') | list", '(names | reverse | list)');
  }

  number(depth) {
    if (depth <= 0) return this.one('1', '2', '7', () => this.one(...this.numbers));
    return this.one('3', () => this.one(...this.numbers), () => `(${this.number(depth - 1)} ${this.one('+', '-', '*')} ${this.number(depth - 1)})`,
      () => `(${this.number(0)} % 4)`, () => `(${this.number(depth - 1)} // 2)`, () => `(${this.text(1)}) | length`, "'12' | int", "'x' | int");
  }

  truth(depth) {
    if (depth <= 0) return this.one('yes', 'no', 'nothing', 'empty', 'names', 'missing', 'zero', 'word');
    const inner = () => this.truth(depth - 1);
    return this.one(
      () => this.truth(0), () => `not ${inner()}`, () => `(${inner()} and ${inner()})`, () => `(${inner()} or ${inner()})`,
      () => `${this.number(1)} ${this.one('==', '!=', '<', '<=', '>', '>=')} ${this.number(1)}`, () => `(${this.text(1)}) == (${this.text(1)})`,
      () => `'${this.one('l', 'two', '</think>')}' ${this.one('in', 'not in')} (${this.text(1)})`, () => `'a' in map`, () => `'x' in names`,
      () => `${this.one('missing', 'word', 'nothing', 'messages')} is ${this.one('', 'not ')}${this.one('defined', 'none', 'string')}`,
      () => `count is ${this.one('odd', 'even')}`, () => `(${this.text(1)}).${this.one('startswith', 'endswith')}('H')`,
      () => `map is mapping`, () => `names is iterable`, () => `yes is true`);
  }
}
