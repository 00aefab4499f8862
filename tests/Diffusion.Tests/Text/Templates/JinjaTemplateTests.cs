using LLaDA.Diffusion.Text.Templates;

namespace LLaDA.Diffusion.Tests.Text.Templates;

/// <summary>What Python's Jinja does and @huggingface/jinja does not, what is refused, and what a hostile template may cost.</summary>
public sealed class JinjaTemplateTests
{
    private const string Variables =
        """{"n": 3, "f": 1.5, "none_": null, "t": "aé🙂 b", "d": {"b": 1, "a": [1, 2.0, null, true, "x\"\n"]}, "e": []}""";

    [Theory]
    [InlineData("{{ none_ }} {{ true }} {{ q }} {{ n / 2 }} {{ f * 2 }} {{ n ** 2 }} {{ 2 ** -1 }}", "None True  1.5 3.0 9 0.5")]
    [InlineData(
        "{{ -3 | abs }} {{ -1.5 | abs }} {{ '7' | int }} {{ '2' | float }} {{ 2.7 | int }} {{ -n }} {{ +n }} {{ n - 1 }}",
        "3 1.5 7 2.0 2 -3 3 2")]
    [InlineData("{{ -n // 2 }} {{ -n % 5 }} {{ 7 % -3 }} {{ 1 < 2 < 3 }} {{ not n is odd }}", "-2 2 -2 True False")]
    [InlineData("{{ t | length }} {{ t[1:3] }} {{ t[::-1] }} {{ t[2] }} {{ t[-1] }} {{ t[9] }} {{ t.find('b') }}", "5 é🙂 b 🙂éa 🙂 b  4")]
    [InlineData("{{ d | tojson }}", """{"b": 1, "a": [1, 2.0, null, true, "x\"\n"]}""")]
    [InlineData(
        "{{ d | tojson(sort_keys=true, separators=(',', ':'), ensure_ascii=true) }}{{ e | tojson(indent=1) }}",
        """{"a":[1,2.0,null,true,"x\"\n"],"b":1}[]""")]
    [InlineData("{% for m in [1, 2] %}{% break %}{% else %}else{% endfor %}", "else")]
    [InlineData(
        "{% macro a() %}{{ n }}{{ z }}{% endmacro %}{% set z = 5 %}{% for i in [1] %}{% set z = 6 %}{{ a() }}{{ z }}{% endfor %}{{ z }}",
        "3565")]
    [InlineData("  {% if true %}\n  a\n  {% endif %}\n  b {%+ if true +%}\nc{% endif %}  \n{# x #}\nd\n\n", "  a\n  b \nc  \nd\n")]
    [InlineData("a\r\nb\r\n", "a\nb")]
    [InlineData("{{ 'a\nb\n\nc' | indent(2) }}|{{ 'a\n\nb' | indent(2, true, true) }}", "a\n  b\n\n  c|  a\n  \n  b")]
    [InlineData(
        "{{ q is defined }}{{ none_ is none }}{{ 'x' in q }}{{ n is in [3] }}{{ n is divisibleby 3 }}{{ d is mapping }}",
        "FalseTrueFalseTrueTrueTrue")]
    [InlineData(
        "{{ 'a,b,c'.split(',', 1) | join('|') }} {{ 'a,b,c'.rsplit(',', 1) | join('|') }} {{ ' a  b '.split() | join('|') }}",
        "a|b,c a,b|c a|b")]
    [InlineData(
        "{{ 'xaxx'.strip('x') }} {{ 'xax'.lstrip('x') }} {{ 'a\r\nb\n'.splitlines() | join('|') }} {{ 'abc'.removeprefix('a') }}",
        "a ax a|b bc")]
    [InlineData(
        "{{ ['b', 'A'] | sort | join }} {{ [3, 1] | sort(reverse=true) | first }} {{ d | dictsort | first | first }}",
        "Ab 3 a")]
    public void Values_are_those_of_Python(string template, string text) => Assert.Equal(text, Render(template));

    [Theory]
    [InlineData("a\n{{ 1 | batch(2) }}", "line 2 uses the filter batch, which is not computed")]
    [InlineData("{{ x | map('nothing') }}", "line 1 uses the filter nothing, which is not computed")]
    [InlineData("{{ x | selectattr('a', 'nothing') }}", "line 1 uses the test nothing, which is not computed")]
    [InlineData("{{ x is sameas y }}", "line 1 uses the test sameas, which is not computed")]
    [InlineData("{{ strftime_now('%d') }}", "line 1 uses the function strftime_now, which is not computed")]
    [InlineData("{{ x.format(1) }}", "line 1 uses the method format, which is not computed")]
    [InlineData("{{ x.__class__() }}", "line 1 uses the method __class__, which is not computed")]
    [InlineData("{% include 'x' %}", "line 1 uses the statement include, which is not computed")]
    [InlineData("{% for a in b recursive %}{% endfor %}", "line 1 uses a recursive loop, which is not computed")]
    [InlineData("{% macro a() %}{{ caller() }}{% endmacro %}", "line 1 uses the variable caller, which is not computed")]
    [InlineData("{{ (1)(2) }}", "line 1 calls what is neither a function nor a method")]
    [InlineData("{{ '\\d' }}", "line 1 has a text with the escape \\d, which is not computed")]
    [InlineData("{{ 1", "line 1 has a tag without }}")]
    [InlineData("{{ 'a }}", "line 1 has a text without its closing quote")]
    [InlineData("{# a", "line 1 has a comment without end")]
    [InlineData("{{ 1 ! 2 }}", "line 1 has the sign ! in a tag")]
    [InlineData("{{ (1] }}", "line 1 closes with ] what is not open")]
    [InlineData("{% if x %}a", "line 1 has the end where the tag is to end")]
    [InlineData("{% endif %}", "line 1 has endif that closes nothing")]
    [InlineData("{% break %}", "line 1 ends a loop outside of any")]
    [InlineData("{{ 99999999999999999999 }}", "line 1 has the number 99999999999999999999, which is too large")]
    public void What_is_not_computed_is_refused_by_name_before_it_is_rendered(string template, string fault) =>
        Assert.Equal(fault, Assert.Throws<TemplateException>(() => new JinjaTemplate(template)).Message);

    [Theory]
    [InlineData("{{ q.x }}", "line 1 takes x of an undefined value")]
    [InlineData("{{ n + 'a' }}", "it has + between a number and a text")]
    [InlineData("{{ d }}", "it writes a mapping as text, which is not computed; tojson is")]
    [InlineData("{{ 1 / 0 }}", "it divides by zero")]
    [InlineData("{{ 3037000500 * 3037000500 }}", "it computes a number that is too large")]
    [InlineData("{{ 10 ** 400 }}", "it computes a number that is too large")]
    [InlineData("{{ n.strip() }}", "line 1 calls strip() of a number")]
    [InlineData("{{ t | trim(1, 2) }}", "it gives the filter trim 2 arguments; 1 are computed")]
    [InlineData("{{ d | tojson(default=1) }}", "it gives the filter tojson the argument default, which is not computed")]
    [InlineData("{% for a, b in [[1]] %}{% endfor %}", "it takes 1 values apart into 2 variables")]
    [InlineData("{% set d.x = 1 %}", "it sets d.x, but d is no namespace")]
    public void What_fails_on_a_dialogue_says_why(string template, string fault) =>
        Assert.Equal(fault, Assert.Throws<TemplateException>(() => Render(template)).Message);

    [Fact]
    public void A_template_refuses_a_dialogue_in_its_own_words() =>
        Assert.Equal("only 3", Assert.Throws<DialogueRefusedException>(() => Render("{{ raise_exception('only ' ~ n) }}")).Message);

    [Theory]
    [InlineData("{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")]
    [InlineData("{% for i in range(1000000000) %}{% endfor %}")]
    [InlineData("{{ range(100000000, 0, -1) | list | length }}")]
    [InlineData("{{ 'a' * 1000000000 }}")]
    [InlineData("{{ 'a' * 9000000000000000000 }}")]
    [InlineData("{% for a in range(2000) %}{% for b in range(2000) %}{% for c in range(2000) %}x{% endfor %}{% endfor %}{% endfor %}")]
    [InlineData("{% set s = 'a' * 3000000 %}{% for i in range(1000) %}{{ s }}{% endfor %}")]
    [InlineData("{% set s = 'a' * 3000000 %}{% for i in range(100000) %}{% if (s ~ 'b') in s %}{% endif %}{% endfor %}")]
    [InlineData("{% set s = 'a ' * 2000000 %}{{ s.split() | length }}")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}")]
    [InlineData("{% set l = range(30000) | list %}{{ l | unique | list | length }}")]
    public void A_hostile_template_ends_soon(string template) =>
        Assert.Equal(
            "it takes more work or more memory than any chat template needs",
            Assert.Throws<TemplateException>(() => Render(template)).Message);

    [Theory]
    [InlineData("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l == [ns.l][0] + [] }}")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson }}")]
    public void A_template_without_end_does_not_fill_the_stack(string template) =>
        Assert.StartsWith("it nests", Assert.Throws<TemplateException>(() => Render(template)).Message, StringComparison.Ordinal);

    [Fact]
    public void Nesting_and_length_of_the_source_are_bounded()
    {
        foreach (string source in new[]
        {
            "{{ " + new string('(', 50_000) + "1" + new string(')', 50_000) + " }}",
            "{{ " + string.Concat(Enumerable.Repeat("not ", 30_000)) + "1 }}",
            "{{ " + string.Concat(Enumerable.Repeat("- ", 30_000)) + "1 }}",
            "{{ 1" + string.Concat(Enumerable.Repeat(" + 1", 30_000)) + " }}",
            "{{ 1" + string.Concat(Enumerable.Repeat(" | int", 30_000)) + " }}",
            "{{ a" + string.Concat(Enumerable.Repeat(".a", 30_000)) + " }}",
            "{{ 1" + string.Concat(Enumerable.Repeat(" if 1 else 1", 20_000)) + " }}",
            string.Concat(Enumerable.Repeat("{% if 1 %}", 20_000)),
            new string('a', 300_000),
        })
        {
            Assert.Throws<TemplateException>(() => new JinjaTemplate(source));
        }
    }

    [Theory]
    [InlineData("{{% for c in t %}}{{{{ loop.{0} }}}}{{% endfor %}}")]
    [InlineData("{{{{ t.{0}() }}}}")]
    public void Long_name_of_a_template_is_cut_in_the_sentence(string template)
    {
        string source = string.Format(System.Globalization.CultureInfo.InvariantCulture, template, new string('n', 10_000));

        string message = Assert.Throws<TemplateException>(() => Render(source)).Message;

        Assert.InRange(message.Length, 200, 503);
    }

    private static string Render(string template) => new JinjaTemplate(template).Render(TemplateValues.Map(Variables)).Text;
}
