using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Cli.Requests;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Infra.Tests.Cli.Requests;

/// <summary>What the options for gaps make of a request.</summary>
public sealed class FillOptionsTests
{
    [Theory]
    [InlineData("""{}""")]
    [InlineData(
        """{"choices": {"0": ["yes", "no, never"], "2": ["a=b"]}}""", "--choice", "0=yes", "--choice", "2=a=b", "--choice", "0=no, never")]
    [InlineData("""{"pattern": "digits"}""", "--pattern", "digits")]
    [InlineData("""{"pattern": {"0": "digits", "3": "word"}}""", "--pattern", "0=digits", "--pattern", "3=word")]
    public void Gaps_get_their_texts_and_patterns(string expected, params string[] args)
    {
        var body = JsonSerializer.SerializeToNode(Request(args), WireJson.Options)!;
        var gaps = new JsonObject();
        foreach (string name in (string[])["choices", "pattern"])
        {
            if (body[name] is { } value)
                gaps[name] = value.DeepClone();
        }

        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), gaps), gaps.ToJsonString());
    }

    [Theory]
    [InlineData("--choice yes: write gap=text", "--choice", "yes")]
    [InlineData("--choice one=...: a gap is a number, and the first one is 0", "--choice", "one=yes")]
    [InlineData("--choice -1=...: a gap is a number, and the first one is 0", "--choice", "-1=yes")]
    [InlineData("--pattern word: write one name for all gaps, or gap=name for each", "--pattern", "word", "--pattern", "0=digits")]
    [InlineData("--pattern 0=word: gap 0 has a pattern already", "--pattern", "0=digits", "--pattern", "0=word")]
    [InlineData("--pattern x=...: a gap is a number, and the first one is 0", "--pattern", "x=word")]
    public void Another_form_is_a_wrong_argument(string sentence, params string[] args)
    {
        var refusal = Assert.Throws<OperatorException>(() => Request(args));

        Assert.Equal((ExitCodes.Usage, sentence), (refusal.ExitCode, refusal.Message));
    }

    private static Client.Answers.InfillRequest Request(string[] args)
    {
        var (command, options) = (new Command("fill"), new FillOptions());
        options.AddTo(command);
        return options.Request(command.Parse(args), "m", "the [MASK]");
    }
}
