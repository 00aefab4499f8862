using CsCheck;
using LLaDA.Diffusion.Text.Templates;

namespace LLaDA.Diffusion.Tests.Text.Templates;

/// <summary>A marked text is a list of characters that each know their origin.</summary>
public sealed class MarkedTextTests
{
    private static readonly Gen<(string Text, bool IsStructure)[]> s_parts = Gen.Select(Gen.String["abc"], Gen.Bool).Array[0, 6];

    [Fact]
    public void Pieces_and_joins_keep_the_origin_of_every_character() =>
        Gen.Select(s_parts, Gen.Int[0, 100], Gen.Int[0, 100]).Sample((parts, from, to) =>
        {
            static MarkedText Marked(string text, bool isStructure) => isStructure ? MarkedText.Structure(text) : MarkedText.Content(text);
            var text = MarkedText.Concat([.. parts.Select(part => Marked(part.Text, part.IsStructure))]);
            bool[] origins = [.. parts.SelectMany(part => Enumerable.Repeat(part.IsStructure, part.Text.Length))];
            int start = from * text.Length / 100, length = to * (text.Length - start) / 100;

            var piece = text.Slice(start, length);

            Assert.Equal(string.Concat(parts.Select(part => part.Text)), text.Text);
            Assert.Equal(text.Text.Substring(start, length), piece.Text);
            bool[] expected = origins[start..(start + length)];
            Assert.Equal(expected, Enumerable.Range(0, length).Select(index => piece.IsStructure(index, index + 1)));
            Assert.Equal(Array.TrueForAll(expected, origin => origin), length == 0 || text.IsStructure(start, start + length));
            Assert.Equal(piece.Text.ToUpperInvariant(), piece.Map(run => run.ToUpperInvariant()).Text);
        });
}
