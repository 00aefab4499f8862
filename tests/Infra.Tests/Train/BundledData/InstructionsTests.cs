using System.Text.Json.Nodes;

namespace LLaDA.Batch.Infra.Tests.Train.BundledData;

/// <summary><c>llada-train instructions</c>.</summary>
public sealed class InstructionsTests : IDisposable
{
    private const string NotKnown = "I do not know.";

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-instructions-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_is_known_is_repeated_until_it_is_as_much_as_what_is_not_and_no_question_is_both()
    {
        var (known, unknown) = await DialoguesAsync("--unknown", "1000");
        var (alone, none) = await DialoguesAsync();

        Assert.Empty(none);
        Assert.Equal(1_000, unknown.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(1_000, unknown.Count);
        Assert.InRange(known.Count, 1_000 - alone.Count, 1_000);
        Assert.Equal(alone.Order(StringComparer.Ordinal).Distinct(), known.Order(StringComparer.Ordinal).Distinct());
        Assert.Empty(known.Intersect(unknown, StringComparer.Ordinal));
    }

    /// <returns>The first questions of the dialogues, held-out ones too.</returns>
    private async Task<(List<string> Known, List<string> Unknown)> DialoguesAsync(params string[] more)
    {
        string data = Path.Combine(Repository.Root, "gpu-worker", "models", "data");
        var (code, _, error) = await TrainProgram.RunAsync(
            ["instructions", "--data", data, "--out", _folder, "--words", "20", "--verses", "4", .. more]);
        Assert.True(code == 0, error);
        var dialogues = new[] { "train.jsonl", "validation.jsonl" }
            .SelectMany(file => File.ReadLines(Path.Combine(_folder, file)))
            .Select(line => JsonNode.Parse(line)!["messages"]!)
            .ToLookup(messages => (string)messages[1]!["content"]! == NotKnown, messages => (string)messages[0]!["content"]!);
        return ([.. dialogues[false]], [.. dialogues[true]]);
    }
}
