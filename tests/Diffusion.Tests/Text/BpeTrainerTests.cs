using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CsCheck;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Text;

public sealed class BpeTrainerTests
{
    private const int NumSpecial = 6;

    private static readonly Gen<string> s_texts = Gen.OneOf("a", "b", "c", "ab", "ba", " ", " ").Array[0, 60].Select(string.Concat);

    [Fact]
    public void Most_frequent_pair_is_merged_first()
    {
        // Words: "ab" once, " ab" three times, " cd" twice.
        var merges = Train("ab ab ab ab cd cd", 3);

        Assert.Equal([('a', 'b'), (' ', 256), (' ', 'c')], merges);
    }

    [Fact]
    public void Among_equally_frequent_pairs_the_lower_ids_win() => Assert.Equal([('a', 'b'), ('c', 'd')], Train("cd\nab\ncd\nab", 2));

    [Fact]
    public void Merges_do_not_reach_across_words() =>
        Assert.DoesNotContain(Train("a b a b a b a b", 50), merge => merge is ('a', ' ') or ('b', ' '));

    [Fact]
    public void Learning_ends_when_no_pair_occurs_twice()
    {
        Assert.Empty(Train("abc", 10));
        Assert.Empty(Train("", 10));
        Assert.Equal([('a', 'b')], Train("ab ab".Replace(' ', '\n'), 10));
    }

    [Fact]
    public void Merges_equal_those_of_counting_anew_after_each() =>
        s_texts.Sample(text => Assert.Equal(CountedAnew(text, 12), Train(text, 12)), iter: 300);

    [Fact]
    public void Order_of_documents_does_not_matter() =>
        s_texts.Array[2, 5].Sample(texts =>
        {
            var (forward, backward) = (new BpeTrainer(), new BpeTrainer());
            foreach (string text in texts)
                forward.Add(text);
            foreach (string text in texts.Reverse())
                backward.Add(text);
            Assert.Equal(forward.Train(256 + 20 + NumSpecial), backward.Train(256 + 20 + NumSpecial));
        });

    [Fact]
    public void Vocabulary_without_room_for_bytes_and_special_tokens_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>("vocabularySize", () => new BpeTrainer().Train(256 + NumSpecial - 1));

    [Fact]
    public void Every_saved_id_stands_for_something() =>
        s_texts.Sample(text =>
        {
            using var folder = new TemporaryFolder();
            var merges = Train(text, 40);
            BpeTrainer.Save(merges, folder.Path);
            var tokenizer = new LLaDATokenizer(folder.Path);
            Assert.Equal(256 + merges.Count + NumSpecial, tokenizer.NumTokens);
            Assert.Equal(NumSpecial, tokenizer.NonTextIds.Count());
        }, iter: 40);

    [Fact]
    public void Saved_configuration_holds_the_chat_template_and_the_end_tokens()
    {
        using var folder = new TemporaryFolder();
        BpeTrainer.Save([], folder.Path);

        var configuration = JsonNode.Parse(File.ReadAllText(folder.File("tokenizer_config.json")))!;

        Assert.Equal(ChatTemplate.Jinja, configuration["chat_template"]!.GetValue<string>());
        Assert.Equal(SpecialTokens.BeginningOfText, configuration["bos_token"]!.GetValue<string>());
        Assert.Equal(SpecialTokens.EndOfText, configuration["eos_token"]!.GetValue<string>());
        Assert.False(configuration["clean_up_tokenization_spaces"]!.GetValue<bool>());
    }

    private static IReadOnlyList<(int Left, int Right)> Train(string text, int numMerges)
    {
        var trainer = new BpeTrainer();
        trainer.Add(text);
        return trainer.Train(256 + numMerges + NumSpecial);
    }

    /// <summary>The definition of BPE without any bookkeeping.</summary>
    private static List<(int, int)> CountedAnew(string text, int numMerges)
    {
        var words = Regex.Matches(text, ByteLevel.WordPattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10))
            .Select(word => word.Value.Select(letter => (int)letter).ToList()).ToList();
        List<(int, int)> merges = [];
        while (merges.Count < numMerges)
        {
            var best = words.SelectMany(word => word.Zip(word.Skip(1))).GroupBy(pair => pair).Where(pairs => pairs.Count() >= 2)
                .OrderByDescending(pairs => pairs.Count()).ThenBy(pairs => pairs.Key).FirstOrDefault();
            if (best is null)
                break;
            foreach (var word in words)
            {
                for (int index = 0; index + 1 < word.Count; index++)
                {
                    if ((word[index], word[index + 1]) == best.Key)
                    {
                        word[index] = 256 + merges.Count;
                        word.RemoveAt(index + 1);
                    }
                }
            }
            merges.Add(best.Key);
        }
        return merges;
    }
}
