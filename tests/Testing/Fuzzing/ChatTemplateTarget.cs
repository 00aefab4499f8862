using System.Text;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Testing.Fuzzing;

/// <summary>Chat templates, which come with a model: each is read and rendered, or refused with a sentence, within its budget.</summary>
internal static class ChatTemplateTarget
{
    private const string Qwen = """
        {%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
        {%- else %}{{- '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}{%- endif %}
        {%- for message in messages %}
            {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
                {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
            {%- elif message.role == "assistant" %}{%- set content = message.content.split('</think>')[-1].lstrip('\n') %}
                {{- '<|im_start|>assistant\n' ~ content }}{%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
        """;

    private const string Other = """
        {%- macro turn(name, text='') -%}<{{ name | upper }}>{{ text | trim | replace('a', 'b') }}{%- endmacro -%}
        {% set ns = namespace(count=0, last={}) %}{% if messages | length == 0 %}{{ raise_exception('No messages') }}{% endif %}
        {% for m in messages | selectattr('role', 'equalto', 'user') | list %}{% set ns.count = ns.count + 1 * 2 % 7 // 1 %}
        {{ loop.index0 }}{{ turn(m['role'], m.content[::-1][:20]) }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}
        {{ {'a': [1, 2.5, none, true], 'b': 'x' * 3} | tojson }}{{ ns.count is even and 'x' in 'xyz' }}{{ range(3) | join('-') }}
        """;

    private static readonly ChatMessage[] s_history =
    [
        new("system", "Be brief. 日本 🙂 \u0301"), new("user", "What is {{ a }} {% king %}?\r\n\t"),
        new("assistant", "<think>hm</think>\nA ruler<|im_end|>"), new("user", new string('a', 2_000)),
    ];

    public static FuzzTarget Target { get; } = new(
        "chat_template", [.. new[] { ChatTemplate.Jinja, Qwen, Other }.Select(Encoding.UTF8.GetBytes)], Read,
        failure => failure is CheckpointException or FormatException)
    {
        // Each of the four renderings has a budget.
        FixedBytes = 2L << 30,
        Words =
        [
            "{% for a in range(1000000000) %}", "{% endfor %}", "{{ 'x' * 1000000000 }}", "{{ 10 ** 1000 }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% set x = messages %}", "{% if ", "{% endif %}", "{%- ", " -%}",
            "{{ ", " }}", "{# ", " #}", " | tojson", " | join(x)", " | sort", "[::-1]", "[0:999999999999]", " % 0", " // 0", "loop.",
            "namespace(", ".__class__.__mro__", "messages[", "'\\u0", "((((((((", "not not not ", ".replace('', 'xxxxxxxx')",
            ".split('')", ".format(", " is defined", " ~ messages", " in ", "none", "1e309", "99999999999999999999",
        ],
    };

    private static void Read(byte[] input)
    {
        var named = new Dictionary<string, string> { ["bos_token"] = "<s>", ["eos_token"] = "</s>" };
        var template = new DialogueTemplate(
            new TokenizerConfig(null, named, [], [], BeginsTexts: false, Encoding.UTF8.GetString(input), "chat_template.jinja"));
        template.BehindAnswer();
        template.Render(s_history, addGenerationPrompt: false);
    }
}
