using System.Text.RegularExpressions;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Text;

public sealed class PossessiveQuantifiersTests
{
    /// <summary>Ling's, as others quote it.</summary>
    private const string Ling = @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData("a?+a*+a++", "(?>a?)(?>a*)(?>a+)")]
    [InlineData(@"x[^\]a+]++y", @"x(?>[^\]a+]+)y")]
    [InlineData("[]+]*+", "(?>[]+]*)")]
    [InlineData(@"\p{L}++\++\P{N}?+", @"(?>\p{L}+)\++(?>\P{N}?)")]
    [InlineData(@"\++ \x41++\u0041*+", @"\++ (?>\x41+)(?>\u0041*)")]
    [InlineData("(a|b(?:c)++)?+d", "(?>(a|b(?>(?:c)+))?)d")]
    [InlineData("(?i:ab)++(?>c+)(?=d+)(?<n>e)*+", "(?>(?i:ab)+)(?>c+)(?=d+)(?>(?<n>e)*)")]
    public void Possessive_quantifiers_become_atomic_groups(string possessive, string atomic) =>
        Assert.Equal(atomic, PossessiveQuantifiers.ToAtomic(possessive));

    [Theory]
    [InlineData("")]
    [InlineData(@"a+b*?c??d{2,3}(?:e|f)+\+?[+]+")]
    [InlineData("a{2")]
    [InlineData(ByteLevel.WordPattern)]
    [InlineData(@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")]
    public void Others_stay_as_they_are(string pattern) => Assert.Equal(pattern, PossessiveQuantifiers.ToAtomic(pattern));

    [Theory]
    [InlineData("a{2}++")]
    [InlineData("a{2}+")]
    [InlineData("++")]
    [InlineData("(")]
    [InlineData(")")]
    [InlineData("[a")]
    [InlineData("\\")]
    [InlineData(@"\p{L")]
    public void What_is_no_pattern_stays_none(string pattern) =>
        Assert.ThrowsAny<ArgumentException>(() => new Regex(PossessiveQuantifiers.ToAtomic(pattern), RegexOptions.None, s_timeout));

    [Fact]
    public void What_is_taken_is_not_given_back()
    {
        Assert.DoesNotMatch(PossessiveQuantifiers.ToAtomic("^a?+a$"), "a");
        Assert.Matches(PossessiveQuantifiers.ToAtomic("^a?+a$"), "aa");
        Assert.DoesNotMatch(PossessiveQuantifiers.ToAtomic("^(?:ab)++a"), "abab");
    }

    [Fact]
    public void Ling_cuts_text_into_its_words()
    {
        var words = new WordSplitter([new Regex(PossessiveQuantifiers.ToAtomic(Ling), RegexOptions.CultureInvariant, s_timeout)]);
        const string text = "We've 42 apples,  (don't)!\n\n  x\t";

        Assert.Equal(
            ["We", "'ve", " ", "4", "2", " apples", ",", " ", " (", "don", "'t", ")!\n\n", " ", " x", "\t"],
            words.Split(text).Select(word => text[word]));
    }
}
