using System.Text.Json.Nodes;
using LLaDA.Batch.Train.BundledData.Dialogues;

namespace LLaDA.Batch.Infra.Tests.Train.BundledData;

/// <summary><c>llada-train preferences</c>.</summary>
public sealed class PreferencesTests : IDisposable
{
    private static readonly string[] s_parts = ["train", "choice", "test"];

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-preferences-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task No_question_is_in_two_parts_and_no_form_in_the_dialogues()
    {
        await WriteAsync("preferences", _folder);
        await WriteAsync("instructions", Path.Combine(_folder, "dialogues"), "--words", "200", "--verses", "40", "--unknown", "8000");

        foreach (string kind in new[] { "known", "unknown", "prompts" })
        {
            string[][] parts = [.. s_parts.Select(part => Lines($"{kind}-{part}").Select(line => Question(line, "messages")).ToArray())];
            Assert.All(parts, Assert.NotEmpty);
            Assert.Distinct(parts.SelectMany(part => part));
        }
        Assert.All(s_parts, part => Assert.Equal(2 * Lines($"known-{part}").Count(), Lines($"preferences-{part}").Count()));
        var learnt = File.ReadLines(Path.Combine(_folder, "dialogues", "train.jsonl"))
            .Select(line => JsonNode.Parse(line)!["messages"]![0]!["content"]!.GetValue<string>()).ToHashSet();
        Assert.Empty(s_parts.SelectMany(part => Lines($"unknown-{part}")).SelectMany(InLearntForms).Intersect(learnt));
        Assert.DoesNotContain(s_parts.SelectMany(part => Lines($"prompts-{part}")), line => learnt.Contains(Question(line, "messages")));
        Assert.Subset(learnt, s_parts.SelectMany(part => Lines($"known-{part}")).SelectMany(InLearntForms).ToHashSet());
    }

    [Fact]
    public async Task A_definition_is_preferred_for_a_known_word_and_refused_for_another()
    {
        await WriteAsync("preferences", _folder);

        JsonNode[] lines = [.. Lines("preferences-test")];
        static string Answer(JsonNode line, string side) => line[side]![0]!["content"]!.GetValue<string>();
        string[] known = [.. Lines("known-test").Select(line => Question(line, "messages"))];
        Assert.All(lines, line =>
        {
            bool isKnown = known.Contains(Question(line["input"]!, "messages"));
            Assert.Equal("I do not know.", Answer(line, isKnown ? "non_preferred_output" : "preferred_output"));
        });
        Assert.Equal(
            lines[..known.Length].Select(line => Answer(line, "preferred_output")),
            lines[known.Length..].Select(line => Answer(line, "non_preferred_output")));
    }

    private static async Task WriteAsync(string command, string folder, params string[] more)
    {
        string data = Path.Combine(Repository.Root, "gpu-worker", "models", "data");
        var (code, _, error) = await TrainProgram.RunAsync([command, "--data", data, "--out", folder, .. more]);
        Assert.True(code == 0, error);
    }

    private static string Question(JsonNode line, string of) => line[of]![0]!["content"]!.GetValue<string>();

    /// <summary>The same question in all forms of the dialogues.</summary>
    private static IEnumerable<string> InLearntForms(JsonNode line)
    {
        string[] parts = QuestionForms.NearDefinition.Split("{0}");
        string word = Question(line, "messages")[parts[0].Length..^parts[1].Length];
        return QuestionForms.Definition.Select(form => QuestionForms.Fill(form, word));
    }

    private IEnumerable<JsonNode> Lines(string name) =>
        File.ReadLines(Path.Combine(_folder, $"{name}.jsonl")).Select(line => JsonNode.Parse(line)!);
}
