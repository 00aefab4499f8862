using System.Text.Json.Nodes;
using LLaDA.Batch.Train.BundledData;
using LLaDA.Batch.Train.BundledData.Dialogues;

namespace LLaDA.Batch.Infra.Tests.Train.BundledData;

/// <summary><c>llada-train instructions</c> as the bundled model learnt from it.</summary>
public sealed class InstructionsTests(MemorisableDialogues dialogues) : IClassFixture<MemorisableDialogues>
{
    private const int NumUnknown = 8_000, NumKnown = 702;

    private static readonly string[] s_learnt =
        ["definition", "word", "part-of-speech", "synonym", "example", "verse", "continuation", "reference"];

    private static readonly string[] s_notLearnt = ["definition-near-form", "definition-far-form", "unknown", "everyday"];

    [Fact]
    public void What_is_known_is_as_much_as_what_is_not_and_no_question_is_both()
    {
        var first = dialogues.Of("train.jsonl").Concat(dialogues.Of("validation.jsonl")).Select(dialogue => dialogue[0])
            .ToLookup(turn => turn.Answer == Questions.NotKnown, turn => turn.Question);

        Assert.Equal(NumUnknown, first[true].Count());
        Assert.Distinct(first[true], StringComparer.OrdinalIgnoreCase);
        Assert.InRange(first[false].Count(), NumUnknown - NumKnown, NumUnknown);
        Assert.Empty(first[false].Intersect(first[true], StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void Every_known_word_is_asked_for_in_each_form_and_in_none_much_more_often()
    {
        var numQuestions = dialogues.Of("train.jsonl").CountBy(dialogue => dialogue[0].Question).ToDictionary();
        string[] words = [.. dialogues.Of("measures/definition.jsonl").Select(dialogue => Subject(dialogue[0].Question))];

        Assert.NotEmpty(words);
        Assert.All(words, word => Assert.All(
            QuestionForms.Definition,
            form => Assert.InRange(numQuestions.GetValueOrDefault(QuestionForms.Fill(form, word)), 1, 3)));
    }

    [Fact]
    public void Unknown_words_are_asked_for_in_all_forms()
    {
        var forms = dialogues.Of("train.jsonl").Where(dialogue => dialogue[0].Answer == Questions.NotKnown)
            .CountBy(dialogue => Form(dialogue[0].Question) ?? "").ToDictionary();

        Assert.All(QuestionForms.Definition, form => Assert.InRange(forms.GetValueOrDefault(form), 150, 500));
    }

    [Fact]
    public void Each_kind_of_question_follows_first()
    {
        HashSet<string> second =
            [.. dialogues.Of("train.jsonl").Where(dialogue => dialogue.Length == 4).Select(dialogue => dialogue[1].Question)];
        string[] forms = [.. QuestionForms.PartOfSpeech, .. QuestionForms.Synonym, .. QuestionForms.Example];

        Assert.Equal(forms.Order(StringComparer.Ordinal), second.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_question_is_held_out_by_its_first_form()
    {
        var words = dialogues.Of("measures/unknown.jsonl").Select(dialogue => dialogue[0].Question)
            .Where(question => Form(question) is not null);

        Assert.NotEmpty(words);
        Assert.All(words, question => Assert.True(
            TrainingTables.IsHeldOut(QuestionForms.Fill(QuestionForms.Definition[0], Subject(question))), question));
    }

    [Fact]
    public void Measures_of_what_was_learnt_ask_what_was_learnt()
    {
        HashSet<Turn> learnt = [.. dialogues.Of("train.jsonl").SelectMany(dialogue => dialogue)];

        Assert.All(s_learnt, measure =>
        {
            Assert.NotEmpty(dialogues.Of($"measures/{measure}.jsonl"));
            Assert.Subset(learnt, dialogues.Of($"measures/{measure}.jsonl").Select(dialogue => dialogue[^1]).ToHashSet());
        });
    }

    [Fact]
    public void Other_measures_ask_nothing_that_was_learnt_in_any_form()
    {
        HashSet<string> learnt = [.. dialogues.Of("train.jsonl").SelectMany(dialogue => dialogue).Select(turn => turn.Question)];

        Assert.All(s_notLearnt, measure =>
        {
            Assert.NotEmpty(dialogues.Of($"measures/{measure}.jsonl"));
            Assert.All(dialogues.Of($"measures/{measure}.jsonl"), dialogue => Assert.DoesNotContain(dialogue[0].Question, learnt));
        });
        string[] unknown = [.. dialogues.Of("measures/unknown.jsonl").Select(dialogue => dialogue[0].Question)];
        string[] words = [.. unknown.Where(question => Form(question) is not null).Select(Subject)];
        Assert.NotEmpty(words);
        Assert.All(words, word => Assert.All(
            QuestionForms.Definition, form => Assert.DoesNotContain(QuestionForms.Fill(form, word), learnt)));
        HashSet<string> beginnings = [.. learnt.Select(Beginning)];
        Assert.All(
            dialogues.Of("measures/everyday.jsonl"), dialogue => Assert.DoesNotContain(Beginning(dialogue[0].Question), beginnings));

        static string Beginning(string question) => string.Join(' ', question.Split(' ').Take(2));
    }

    /// <summary>The longest form of a definition that a question has, or null.</summary>
    private static string? Form(string question) => QuestionForms.Definition.OrderByDescending(form => form.Length).FirstOrDefault(form =>
        question.StartsWith(Parts(form)[0], StringComparison.Ordinal) && question.EndsWith(Parts(form)[1], StringComparison.Ordinal));

    private static string Subject(string question)
    {
        string[] parts = Parts(Form(question)!);
        return question[parts[0].Length..^parts[1].Length];
    }

    private static string[] Parts(string form) => form.Split("{0}");
}

/// <summary>The dialogues of 200 words, 40 verses and 8,000 questions without an answer, written once.</summary>
public sealed class MemorisableDialogues : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llada-instructions-").FullName;

    public async ValueTask InitializeAsync()
    {
        string data = Path.Combine(Repository.Root, "gpu-worker", "models", "data");
        var (code, _, error) = await TrainProgram.RunAsync(
            ["instructions", "--data", data, "--out", _folder, "--words", "200", "--verses", "40", "--unknown", "8000"]);
        Assert.True(code == 0, error);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    internal IEnumerable<Turn[]> Of(string file) => File.ReadLines(Path.Combine(_folder, file))
        .Select(line => JsonNode.Parse(line)!["messages"]!.AsArray().Select(message => (string)message!["content"]!).Chunk(2)
            .Select(turn => new Turn(turn[0], turn[1])).ToArray());
}
