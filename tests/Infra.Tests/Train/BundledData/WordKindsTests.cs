using LLaDA.Batch.Train.BundledData;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Infra.Tests.Train.BundledData;

public sealed class WordKindsTests
{
    private static readonly string[] s_documents =
    [
        new Gloss("noun", ["lamp"], "a source of light", ["the lamp (noun): was lit"]).Document,
        new Gloss("verb", ["go", "move"], "change place (in space)", []).Document,
        "In the beginning God created the heaven and the earth.\nAnd the earth was without form (noun): and void.",
        new Gloss("adj", ["red"], "of a color", ["a red lamp"]).Document,
        new Gloss("adv", ["often"], "many times", []).Document,
        new Gloss("noun", ["torch"], "a source of light", []).Document,
        new Gloss("noun", ["book"], "a written work", []).Document,
        new Gloss("verb", ["sit"], "be seated", []).Document,
        new Gloss("adj", ["tall"], "great in height", []).Document,
        new Gloss("adj", ["vast"], "great in extent", []).Document,
        new Gloss("adj", ["long"], string.Join(' ', Enumerable.Repeat("unusually great in length", 20)), []).Document,
    ];

    private readonly LLaDATokenizer _tokenizer = new(Path.Combine(Repository.Root, "gpu-worker", "models", "llada-tiny-base"));

    [Fact]
    public void Entries_make_as_many_questions_of_each_kind_and_other_documents_none()
    {
        var questions = WordKinds.Read(_tokenizer, s_documents, maxOfKind: 10)!.Questions(0, seed: 1);

        Assert.Equal(
            ["a source of light (", "change place (in space) (", "of a color (", "a written work (", "be seated (", "great in height ("],
            questions.Select(question => _tokenizer.Decode(question.Prompt[1..])));
        Assert.Equal(
            ["noun", "verb", "adj", "noun", "verb", "adj"],
            questions.Select(question => _tokenizer.Decode(question.Answers[question.Right])));
        Assert.All(questions, question => Assert.Equal(_tokenizer.BeginningOfTextId, question.Prompt[0]));
        Assert.Equal(3, WordKinds.Read(_tokenizer, s_documents, maxOfKind: 1)!.Questions(0, seed: 1).Count);
    }

    [Fact]
    public void Shot_is_written_as_the_question_with_its_answer()
    {
        var question = WordKinds.Read(_tokenizer, s_documents, maxOfKind: 10)!.Questions(1, seed: 1)[0];

        string[] lines = _tokenizer.Decode(question.Prompt[1..]).Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.Equal("a source of light (", lines[^1]);
        Assert.Contains("a written work (noun)", lines);
        Assert.Contains(lines, line => line is "change place (in space) (verb)" or "be seated (verb)");
    }

    [Fact]
    public void Text_with_no_entries_of_a_kind_asks_nothing() => Assert.Null(WordKinds.Read(_tokenizer, s_documents[..3], maxOfKind: 10));
}
