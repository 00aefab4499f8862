using System.Text;
using LLaDA.Diffusion.Data.Examples;

namespace LLaDA.Diffusion.Tests.Data;

public sealed class ExampleReaderTests
{
    private const string Question = """{"role": "user", "content": "q"}""", Answer = """{"role": "assistant", "content": "a"}""";

    [Theory]
    [InlineData("{", "it is not valid JSON: ")]
    [InlineData("[]", "it is not a JSON object")]
    [InlineData("{}", "it has neither messages nor a prompt with a completion")]
    [InlineData("""{"messages": []}""", "messages must be a list of at least one message")]
    [InlineData("""{"messages": null, "prompt": null}""", "messages must be a list of at least one message")]
    [InlineData("""{"messages": {"role": "user"}}""", "messages must be a list of at least one message")]
    [InlineData("""{"messages": ["a"]}""", "message 1: it must be an object")]
    [InlineData("""{"messages": [Q]}""", "it has no message of an assistant to learn from")]
    [InlineData(
        """{"messages": [Q, {"role": "assistant", "content": "a", "weight": 0}]}""",
        "it has no message of an assistant to learn from")]
    [InlineData("""{"messages": [A]}""", "message 1: an answer needs a question before it")]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": "  "}]}""", "message 2: an answer is empty")]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": null}]}""", "message 2: content is missing")]
    [InlineData(
        """{"messages": [{"role": "tool", "content": "a"}, A]}""",
        "message 1: role is 'tool'; it must be system, developer, user or assistant")]
    [InlineData("""{"messages": [{"role": "user", "content": 1}, A]}""", "message 1: content must be text")]
    [InlineData("""{"messages": [{"content": "q"}, A]}""", "message 1: role is missing")]
    [InlineData("""{"messages": [{"from": "human", "value": "q"}, A]}""", "message 1: 'from' is not supported")]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": "a", "weight": 0.5}]}""", "message 2: weight must be 0 or 1")]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": "a", "weight": "1"}]}""", "message 2: weight must be 0 or 1")]
    [InlineData("""{"messages": [Q, A], "tools": [{"type": "function"}]}""", "'tools' is not supported")]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": "a", "refusal": "no"}]}""", "message 2: 'refusal' is not supported")]
    [InlineData(
        """{"messages": [{"role": "user", "content": ["q"]}, A]}""",
        "message 1: a part of content must be an object with type 'text'")]
    [InlineData(
        """{"messages": [{"role": "user", "content": [{"type": "image_url"}]}, A]}""",
        "message 1: a part of content has type 'image_url'; only 'text' is supported")]
    [InlineData("""{"messages": [{"role": "user", "content": []}, A]}""", "message 1: content is missing")]
    [InlineData("""{"messages": [Q, A], "prompt": "p"}""", "'messages' is not supported")]
    [InlineData("""{"prompt": "a"}""", "completion is missing")]
    [InlineData("""{"completion": "a"}""", "prompt is missing")]
    [InlineData("""{"prompt": "a", "completion": ""}""", "completion is empty")]
    [InlineData("""{"prompt": "a", "prompt": "a", "completion": "b"}""", "it is not valid JSON: ")]
    [InlineData("""{"prompt": "\ud800", "completion": "b"}""", @"it has a string with an unpaired surrogate escape (\ud800-\udfff)")]
    [InlineData(
        """{"prompt": "a", "completion": "b", "\udc00": 1}""",
        @"it has a string with an unpaired surrogate escape (\ud800-\udfff)")]
    [InlineData("""{"prompt": "a", "completion": "b"} {}""", "it is not valid JSON: ")]
    public void Fault_is_a_sentence(string line, string fault) => Assert.StartsWith(fault, Refusal(line), StringComparison.Ordinal);

    [Fact]
    public void Place_of_a_fault_is_a_byte_of_the_line()
    {
        Assert.EndsWith(", at byte 16", Refusal("""{"prompt": "a" "completion": "b"}"""), StringComparison.Ordinal);
        byte[] latin1 = Encoding.Latin1.GetBytes("""{"prompt": "café", "completion": "b"}""");
        Assert.Equal(
            "it is not valid UTF-8 at byte 16", Assert.Throws<FormatException>(() => ExampleReader.ReadSupervised(latin1)).Message);
    }

    [Theory]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": "a", "refusal": null, "tool_calls": null, "weight": null}]}""")]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": "a", "function_call": null, "annotations": []}]}""")]
    [InlineData("""{"messages": [Q, A], "tools": null, "functions": [], "parallel_tool_calls": null}""")]
    [InlineData("""{"messages": [Q, A], "prompt": null, "completion": null}""")]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": "a", "weight": 1.0}]}""")]
    [InlineData("""{"messages": [Q, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]}""")]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, A]}""")]
    [InlineData("""{"messages": [{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "q"}]}, A]}""")]
    public void Null_and_empty_lists_are_absent_and_parts_of_text_are_text(string line)
    {
        var example = Assert.Single(ExampleReader.ReadSupervised(Bytes(line)));

        Assert.Equal([new ExampleMessage("user", "q", IsLearnt: false)], example.History!);
        Assert.Equal("a", example.Answer);
    }

    [Fact]
    public void Pair_may_have_no_messages_beside_it()
    {
        var example = Assert.Single(ExampleReader.ReadSupervised(Bytes("""{"messages": [], "prompt": "", "completion": " b"}""")));

        Assert.Equal(new TrainingExample(null, "", " b"), example);
    }

    [Fact]
    public void Answer_without_weight_is_history_alone_and_a_developer_is_the_system()
    {
        var examples = ExampleReader.ReadSupervised(Bytes(
            """{"messages": [{"role": "developer", "content": "s"}, Q, {"role": "assistant", "content": "", "weight": 0.0}, A, Q, A]}"""));

        Assert.Equal([4 - 1, 5], examples.Select(example => example.History!.Count));
        Assert.Equal(["system", "user", "assistant"], examples[0].History!.Select(message => message.Role));
    }

    [Theory]
    [InlineData("""{"text": "a b"}""", null)]
    [InlineData("""{"text": " "}""", "text is empty")]
    [InlineData("""{"text": 3}""", "text must be text")]
    [InlineData("""{"prompt": "a", "completion": "b"}""", "'prompt' is not supported")]
    [InlineData("""{"text": "a", "url": "b"}""", "'url' is not supported")]
    [InlineData("""{"text": "a", "meta": null}""", null)]
    public void Text_is_strict_unless_other_properties_are_allowed(string line, string? fault)
    {
        if (fault is null)
            Assert.StartsWith("a", ExampleReader.ReadText(Bytes(line)), StringComparison.Ordinal);
        else
            Assert.Equal(fault, Assert.Throws<FormatException>(() => ExampleReader.ReadText(Bytes(line))).Message);
        if (fault is null || fault.Contains("url", StringComparison.Ordinal) || fault == "text is empty")
            Assert.NotEmpty(ExampleReader.ReadText(Bytes(line), allowsOthers: true));
    }

    private static string Refusal(string line) => Assert.Throws<FormatException>(() => ExampleReader.ReadSupervised(Bytes(line))).Message;

    /// <summary>The line with Q and A in place of a question and an answer.</summary>
    private static byte[] Bytes(string line) => Encoding.UTF8.GetBytes(line
        .Replace("[Q", "[" + Question, StringComparison.Ordinal).Replace(" Q", " " + Question, StringComparison.Ordinal)
        .Replace("[A", "[" + Answer, StringComparison.Ordinal).Replace(" A", " " + Answer, StringComparison.Ordinal));
}
