namespace LLaDA.Diffusion.Text.Templates;

/// <summary>
/// Bounds what the rendering of one dialogue may cost: the template comes with a model, and a hostile one must neither hang a worker nor
/// fill its memory.
/// </summary>
internal sealed class Budget
{
    /// <summary>Nested expressions, statements and macros, by which the stack is bounded.</summary>
    public const int MaxDepth = 250;

    private const long NodeCost = 100, CharCost = 10, ItemCost = 400;

    private long _left = 400_000_000;
    private int _depth;

    public void Enter()
    {
        Spend(NodeCost);
        if (++_depth > MaxDepth)
            throw new TemplateException($"it nests macros and expressions more than {MaxDepth} deep");
    }

    public void Leave() => _depth--;

    /// <summary>Characters that are looked at.</summary>
    public void Read(long characters) => Spend(1 + characters);

    /// <summary>Characters that are made.</summary>
    public void Make(long characters) => Spend(CharCost * (1 + characters));

    /// <summary>Items of lists that are made, such as the pieces of a text.</summary>
    public void MakeItems(long count) => Spend(ItemCost * (1 + count));

    /// <summary>A search for a text in another, at its worst.</summary>
    public void Search(long length, long sought) => Spend(1 + (length * (1 + (sought / 16))));

    private void Spend(long cost)
    {
        _left -= cost;
        if (_left < 0)
            throw new TemplateException("it takes more work or more memory than any chat template needs");
    }
}
