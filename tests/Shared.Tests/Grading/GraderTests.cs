using System.Text.Json;
using LLaDA.Batch.Shared.Grading;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Tests.Grading;

public sealed class GraderTests
{
    private const string Item = """{"reference":"Paris","n":3,"deep":{"x":"in"},"list":[1,"b"],"nothing":null}""";

    [Theory]
    [InlineData("eq", "Paris", 1)]
    [InlineData("eq", "paris", 0)]
    [InlineData("eq", "Paris.", 0)]
    [InlineData("ne", "Paris", 0)]
    [InlineData("ne", "Rome", 1)]
    [InlineData("like", "It is Paris.", 1)]
    [InlineData("like", "It is PARIS.", 0)]
    [InlineData("ilike", "It is PARIS.", 1)]
    [InlineData("ilike", "It is Rome.", 0)]
    public void String_checks_compare_as_asked(string operation, string output, double expected)
    {
        string json = Check("{{ item.reference }}").Replace("\"eq\"", $"\"{operation}\"", StringComparison.Ordinal);

        Assert.Equal(expected, Grade(json, output));
    }

    [Fact]
    public void Templates_put_in_values_of_the_line_and_read_nothing_twice()
    {
        var template = GradeTemplate.Parse("{{item.deep.x}}|{{ item.n }}|{{item.list}}|{{sample.output_text}}|{ }}");

        Assert.Equal("in|3|[1,\"b\"]|{{item.n}}|{ }}", template.Fill(Answer("{{item.n}}")));
        Assert.Equal("item.nothing", GradeTemplate.Parse("{{item.n}}{{item.nothing}}").Missing(Line));
        Assert.Equal("item.n.x", GradeTemplate.Parse("{{item.n.x}}").Missing(Line));
        Assert.Equal("item.absent", Read(Check("{{item.absent}}")).Missing(Line));
        Assert.Null(template.Missing(Line));
    }

    /// <summary>The figures of the measures follow from their definitions, with counts that are easily checked by hand.</summary>
    [Theory]
    [InlineData("fuzzy_match", "kitten", "sitting", 8.0 / 13)]
    [InlineData("fuzzy_match", "", "", 1)]
    [InlineData("fuzzy_match", "ab", "", 0)]
    [InlineData("rouge_1", "the cat sat", "the cat ran off", 4.0 / 7)]
    [InlineData("rouge_2", "the cat sat", "the cat ran off", 2.0 / 5)]
    [InlineData("rouge_5", "the cat", "The, cat!", 1)]
    [InlineData("rouge_5", "the cat", "the dog", 0)]
    [InlineData("rouge_l", "police killed the gunman", "police the gunman killed", 0.75)]
    [InlineData("rouge_l", "?!", "?!", 1)]
    [InlineData("rouge_l", "?!", "!", 0)]
    [InlineData("gleu", "the cat sat", "the cat sat down", 6.0 / 10)]
    [InlineData("gleu", "dog", "cat", 0)]
    [InlineData("bleu", "the cat sat down", "the cat sat down", 1)]
    [InlineData("bleu", "the the the the", "the cat", 0.31947)]
    [InlineData("bleu", "the cat", "the cat sat down", 0.36788)]
    [InlineData("bleu", "dog", "cat", 0)]
    public void Measures_of_likeness_have_their_known_values(string metric, string output, string reference, double expected)
    {
        string json = JsonSerializer.Serialize(new
        {
            type = "text_similarity", name = "like", evaluation_metric = metric, input = "{{sample.output_text}}", reference,
        });

        Assert.Equal(expected, Grade(json, output), 5);
    }

    [Fact]
    public void Equal_texts_are_alike_by_every_measure_and_all_values_lie_between_0_and_1()
    {
        string[] texts = ["", "a", "a b", "a b c d e f", "¿?", "Ä 文字 x1", "b a", "a b c d f e"];
        Func<string, string, double>[] measures =
        [
            TextMeasures.FuzzyMatch, TextMeasures.Bleu, TextMeasures.Gleu, TextMeasures.RougeL,
            .. Enumerable.Range(1, 5).Select(order =>
                (Func<string, string, double>)((left, right) => TextMeasures.Rouge(left, right, order))),
        ];
        foreach (var measure in measures)
        {
            foreach (string left in texts)
            {
                Assert.Equal(1, measure(left, left), 12);
                Assert.All(texts, right => Assert.InRange(measure(left, right), 0, 1 + 1e-12));
            }
        }
    }

    [Theory]
    [InlineData("1 + 2 * 3", 7)]
    [InlineData("(1 + 2) * 3", 9)]
    [InlineData("2 ^ 3 ^ 2", 512)]
    [InlineData("-2 ^ 2", -4)]
    [InlineData("2 ^ -1", 0.5)]
    [InlineData("8 / 4 / 2", 1)]
    [InlineData("10 - 3 - 2", 5)]
    [InlineData("--1.5", 1.5)]
    [InlineData("max(a, b, 0.25) + min(a)", 5)]
    [InlineData("abs(-a)+floor(1.7)+ceil(1.2)", 5)]
    [InlineData("log(exp(b)) + sqrt(4)", 5)]
    [InlineData("a * 0.5 + b * 0.5", 2.5)]
    public void Formulas_compute(string text, double expected) =>
        Assert.Equal(expected, Formula.Parse(text, ["a", "b"]).Evaluate(name => name == "a" ? 2 : 3), 12);

    [Theory]
    [InlineData("a +", "ends too early")]
    [InlineData("a b", "'b' where it is not expected, at character 3")]
    [InlineData("(a", "ends too early")]
    [InlineData("a)", "')' where it is not expected")]
    [InlineData("c", "uses 'c', which is no grader")]
    [InlineData("sin(a)", "calls 'sin'; functions are min, max")]
    [InlineData("abs(a, b)", "gives abs 2 numbers; it takes one")]
    [InlineData("1.2.3", "'1.2.3', which is no number")]
    [InlineData("", "ends too early")]
    [InlineData("a; b", "';' where it is not expected")]
    public void Formulas_that_cannot_be_read_are_refused(string text, string fault) =>
        Assert.Contains(fault, Assert.Throws<FormatException>(() => Formula.Parse(text, ["a", "b"])).Message, StringComparison.Ordinal);

    [Fact]
    public void Formulas_are_neither_long_nor_deep()
    {
        Assert.Contains("nested", Assert.Throws<FormatException>(
            () => Formula.Parse(new string('(', 60) + "a" + new string(')', 60), ["a"])).Message, StringComparison.Ordinal);
        Assert.Contains("nested", Assert.Throws<FormatException>(
            () => Formula.Parse(string.Concat(Enumerable.Repeat("2^", 60)) + "a", ["a"])).Message, StringComparison.Ordinal);
        Assert.Contains("1000", Assert.Throws<FormatException>(
            () => Formula.Parse(new string('1', 1001), [])).Message, StringComparison.Ordinal);
        Assert.Equal(500, Formula.Parse(string.Join('+', Enumerable.Repeat("a", 500)), ["a"]).Evaluate(_ => 1));
    }

    [Fact]
    public void A_formula_joins_graders_by_their_names_and_the_likelihood_is_the_models()
    {
        const string json = """
            {"type":"multi","name":"both","calculate_output":"0.5 * right + likely",
             "graders":{"right":{"type":"string_check","name":"r","operation":"eq","input":"{{sample.output_text}}","reference":"Paris"},
                        "likely":{"type":"likelihood","name":"l","prompt":"{{sample.output_text}}!","completion":"{{item.reference}}",
                                  "num_samples":3}}}
            """;
        List<(string, string, int)> asked = [];

        double grade = Read(json).Grade(new GradedAnswer(Line, "Paris", (prompt, completion, samples) =>
        {
            asked.Add((prompt, completion, samples));
            return 0.25;
        }));

        Assert.Equal(0.75, grade);
        Assert.Equal([("Paris!", "Paris", 3)], asked);
    }

    [Theory]
    [InlineData("{{item.n}}", "1 / (0.5 - a)", null)]
    [InlineData("{{item.absent}}", "a", "item.absent is missing, which the grader uses")]
    [InlineData("", "log(1 - a)", "the grader gives -")]
    [InlineData("", "1 - a", null)]
    public void A_line_whose_answers_cannot_be_judged_is_found_beforehand(string reference, string formula, string? fault)
    {
        string json = $$$"""{"type":"multi","calculate_output":"{{{formula}}}","graders":{"a":{{{Check(reference)}}}}}""";

        string? found = Read(json).Fault(Item);

        Assert.Equal(fault is null, found is null);
        Assert.StartsWith(fault ?? "", found ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"name":"x"}""", "type")]
    [InlineData("""{"type":"regex","name":"x"}""", "type")]
    [InlineData("""{"type":"python","name":"x","source":"def grade"}""", "type")]
    [InlineData("""{"type":"score_model","name":"x"}""", "type")]
    [InlineData("""{"type":"string_check","operation":"eq","input":"a","reference":"b"}""", "type")]
    [InlineData("""{"type":"string_check","input":"{{sample.output_text}}","reference":"b"}""", "operation")]
    [InlineData("""{"type":"string_check","operation":"gt","input":"{{sample.output_text}}","reference":"b"}""", "operation")]
    [InlineData("""{"type":"string_check","operation":"eq","input":"{{sample.output_json}}","reference":"b"}""", "input")]
    [InlineData("""{"type":"string_check","operation":"eq","input":"{{sample.output_text","reference":"b"}""", "input")]
    [InlineData("""{"type":"string_check","operation":"eq","input":"{{sample.output_text}}"}""", "reference")]
    [InlineData("""{"type":"string_check","operation":"eq","input":"{{item.}}","reference":"b"}""", "input")]
    [InlineData("""{"type":"string_check","operation":"eq","input":"{{sample.output_text}}","reference":"b","weight":1}""", "weight")]
    [InlineData("""{"type":"text_similarity","evaluation_metric":"cosine"}""", "evaluation_metric")]
    [InlineData("""{"type":"text_similarity","evaluation_metric":"best"}""", "evaluation_metric")]
    [InlineData("""{"type":"likelihood","prompt":"{{sample.output_text}}","completion":"b","num_samples":0}""", "num_samples")]
    [InlineData("""{"type":"multi","calculate_output":"1"}""", "graders")]
    [InlineData("""{"type":"multi","calculate_output":"1","graders":{}}""", "graders")]
    public void Graders_that_cannot_judge_are_refused_by_name(string json, string path) =>
        Assert.Equal(path, Assert.Throws<Refusal>(() => Read(json)).Path);

    [Theory]
    [InlineData("1", "calculate_output")]
    [InlineData("a / c", "calculate_output")]
    [InlineData("a", null)]
    public void A_formula_has_to_use_its_graders(string formula, string? path)
    {
        string json = $$$"""{"type":"multi","calculate_output":"{{{formula}}}","graders":{"a":{{{Check("Paris")}}}}}""";

        Assert.Equal(path, Record.Exception(() => Read(json)) is Refusal refusal ? refusal.Path : null);
    }

    [Theory]
    [InlineData("max")]
    [InlineData("1a")]
    [InlineData("a b")]
    public void Names_that_a_formula_cannot_use_are_refused(string name)
    {
        string json = $$$"""{"type":"multi","calculate_output":"1","graders":{"{{{name}}}":{{{Check("b")}}}}}""";

        Assert.Equal("graders", Assert.Throws<Refusal>(() => Read(json)).Path);
    }

    private static string Check(string reference) =>
        """{"type":"string_check","operation":"eq","input":"{{sample.output_text}}","reference":"REF"}"""
            .Replace("REF", reference, StringComparison.Ordinal);

    private static JsonElement Line => JsonDocument.Parse(Item).RootElement;

    private static GradedAnswer Answer(string output) => new(Line, output, (_, _, _) => 0);

    private static double Grade(string json, string output) => Read(json).Grade(Answer(output));

    private static Grader Read(string json) => Grader.Read(
        new JsonReader(JsonDocument.Parse(json).RootElement, (message, path, _) => new Refusal(message, path)));

    private sealed class Refusal(string message, string? path) : Exception(message)
    {
        public string? Path { get; } = path;
    }
}
