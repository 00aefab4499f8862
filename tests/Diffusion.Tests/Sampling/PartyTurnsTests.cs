using CsCheck;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class PartyTurnsTests
{
    private const int Budget = 100;

    private static readonly Gen<(string Party, int Size)[]> s_items =
        Gen.Select(Gen.OneOf("a", "b", "c"), Gen.Int[1, 150]).Array[1, 60];

    [Fact]
    public void A_round_is_never_empty_nor_above_the_budget_and_keeps_the_order_of_each_party() => s_items.Sample(items =>
    {
        var turns = new PartyTurns<(string Party, int Size, int Number)>(item => item.Size);
        foreach (var (number, item) in items.Index())
            turns.Add(item.Party, (item.Party, item.Size, number));
        List<(string Party, int Size, int Number)> taken = [];

        while (!turns.IsEmpty)
        {
            var round = turns.Next(Budget);
            Assert.NotEmpty(round);
            Assert.True(round.Count == 1 || round.Sum(item => item.Size) <= Budget);
            taken.AddRange(round);
            Assert.Equal(round.Count, turns.Remove(round.Contains).Count);
        }

        Assert.Equal(items.Length, taken.Count);
        foreach (var party in taken.GroupBy(item => item.Party))
            Assert.Equal(party.OrderBy(item => item.Number), party);
    }, iter: 500);

    [Fact]
    public void Parties_share_a_round_equally_and_leave_what_they_do_not_need_to_others()
    {
        var turns = new PartyTurns<(string Party, int Size)>(item => item.Size);
        for (int index = 0; index < 50; index++)
        {
            turns.Add("a", ("a", 10));
            turns.Add("b", ("b", 5));
        }
        turns.Add("small", ("small", 10));

        var round = turns.Next(Budget);

        Assert.Equal(10, Sum("small"));
        Assert.Equal(Budget - 10, Sum("a") + Sum("b"));
        Assert.InRange(Sum("a"), 40, 50);

        int Sum(string party) => round.Where(item => item.Party == party).Sum(item => item.Size);
    }

    [Fact]
    public void An_item_that_ends_while_others_are_removed_stays_until_it_is_returned()
    {
        var turns = new PartyTurns<string>(_ => 1);
        turns.Add("a", "ended");
        turns.Add("a", "ends");
        HashSet<string> asked = ["ended"];

        Assert.Equal(["ended"], turns.Remove(item => !asked.Add(item)));
        Assert.Equal(["ends"], turns.Items);
        Assert.Equal(["ends"], turns.Remove(item => !asked.Add(item)));
        Assert.True(turns.IsEmpty);
    }

    [Fact]
    public void An_item_that_fits_with_no_other_waits_one_round_of_each_party_at_most()
    {
        var turns = new PartyTurns<string>(item => item == "large" ? Budget : 1);
        turns.Add("a", "small");
        turns.Add("b", "small");
        turns.Add("c", "large");

        var rounds = Enumerable.Range(0, 6).Select(_ => turns.Next(Budget)).ToList();

        Assert.Equal(2, rounds.Count(round => round.SequenceEqual(["large"])));
        Assert.Equal(4, rounds.Count(round => round.SequenceEqual(["small", "small"])));
    }
}
