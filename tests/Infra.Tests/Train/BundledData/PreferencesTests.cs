using System.Text.Json.Nodes;
using LLaDA.Batch.Train.BundledData.Dialogues;

namespace LLaDA.Batch.Infra.Tests.Train.BundledData;

/// <summary><c>llada-train preferences</c>.</summary>
public sealed class PreferencesTests(MemorisableDialogues dialogues) : IClassFixture<MemorisableDialogues>, IDisposable
{
    private static readonly string[] s_parts = ["train", "choice", "test"];

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-preferences-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task No_question_is_in_two_parts_and_no_form_in_the_dialogues()
    {
        await WriteAsync();

        foreach (string kind in new[] { "known", "unknown", "prompts" })
        {
            string[][] parts = [.. s_parts.Select(part => Lines($"{kind}-{part}").Select(line => Question(line, "messages")).ToArray())];
            Assert.All(parts, Assert.NotEmpty);
            Assert.Distinct(parts.SelectMany(part => part));
        }
        Assert.All(s_parts, part => Assert.Equal(2 * Lines($"known-{part}").Count(), Lines($"preferences-{part}").Count()));
        HashSet<string> learnt = [.. dialogues.Of("train.jsonl").Select(dialogue => dialogue[0].Question)];
        Assert.Empty(s_parts.SelectMany(part => Lines($"unknown-{part}")).SelectMany(line => InLearntForms(Word(line))).Intersect(learnt));
        Assert.Empty(s_parts.SelectMany(part => Lines($"prompts-{part}"))
            .SelectMany(line => InLearntForms(line["word"]!.GetValue<string>())).Intersect(learnt));
        Assert.Subset(learnt, s_parts.SelectMany(part => Lines($"known-{part}")).SelectMany(line => InLearntForms(Word(line))).ToHashSet());
    }

    [Fact]
    public async Task A_definition_is_preferred_for_a_known_word_and_refused_for_another()
    {
        await WriteAsync();

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

    private async Task WriteAsync()
    {
        string data = Path.Combine(Repository.Root, "gpu-worker", "models", "data");
        var (code, _, error) = await TrainProgram.RunAsync(["preferences", "--data", data, "--out", _folder]);
        Assert.True(code == 0, error);
    }

    private static string Question(JsonNode line, string of) => line[of]![0]!["content"]!.GetValue<string>();

    private static string Word(JsonNode line)
    {
        string[] parts = QuestionForms.NearDefinition.Split("{0}");
        return Question(line, "messages")[parts[0].Length..^parts[1].Length];
    }

    private static IEnumerable<string> InLearntForms(string word) =>
        QuestionForms.Definition.Select(form => QuestionForms.Fill(form, word));

    private IEnumerable<JsonNode> Lines(string name) =>
        File.ReadLines(Path.Combine(_folder, $"{name}.jsonl")).Select(line => JsonNode.Parse(line)!);
}
