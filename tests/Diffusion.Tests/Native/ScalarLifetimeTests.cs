using System.Reflection;
using System.Reflection.Emit;
using LLaDA.Diffusion.Model;
using TorchSharp;

namespace LLaDA.Diffusion.Tests.Native;

/// <summary>
/// Many methods of TorchSharp make a <see cref="Scalar"/> that nothing refers to once its handle is read, so that a garbage collection
/// frees it while libtorch uses it. The library must not call them: its methods are read one by one, with the methods that they call.
/// </summary>
public sealed class ScalarLifetimeTests
{
    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> s_opCodes =
        typeof(OpCodes).GetFields().Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    [Fact]
    public void The_library_calls_nothing_that_makes_an_unreferenced_scalar()
    {
        var makers = Makers(typeof(torch.Tensor).Assembly);
        Assert.Contains(makers, method => method.Name == "square");
        // It makes one of a number, which TorchScript.Call refuses.
        makers.RemoveWhere(method => method.DeclaringType == typeof(torch.jit.CompilationUnit));

        string[] calls = [.. Methods(typeof(MaskPredictor).Assembly).SelectMany(caller => Callees(caller).Where(makers.Contains)
            .Select(callee => $"{caller.DeclaringType}.{caller.Name} calls {callee.DeclaringType}.{callee}")).Distinct()];

        Assert.True(calls.Length == 0, string.Join(Environment.NewLine, calls));
    }

    /// <summary>Methods of TorchSharp that turn a number into a scalar, themselves or through others, and keep it nowhere.</summary>
    private static HashSet<MethodBase> Makers(Assembly torchSharp)
    {
        var callees = Methods(torchSharp)
            .Where(method => method.DeclaringType != typeof(Scalar) && method.DeclaringType != typeof(ScalarExtensionMethods))
            .ToDictionary(method => method, method => Callees(method).ToHashSet());
        var makers = callees.Where(entry => entry.Value.Any(IsConversion)).Select(entry => entry.Key).ToHashSet();
        while (Callers() is { Count: > 0 } found)
            makers.UnionWith(found);
        return makers;

        bool IsConversion(MethodBase callee) => callee.DeclaringType == typeof(Scalar) && callee.Name == "op_Implicit";

        List<MethodBase> Callers() =>
            [.. callees.Where(entry => !makers.Contains(entry.Key) && entry.Value.Overlaps(makers)).Select(entry => entry.Key)];
    }

    private static IEnumerable<MethodBase> Methods(Assembly assembly) =>
        assembly.GetTypes().SelectMany(type => type.GetMethods(All).Concat<MethodBase>(type.GetConstructors(All)));

    private static IEnumerable<MethodBase> Callees(MethodBase method)
    {
        if (method.GetMethodBody()?.GetILAsByteArray() is not { } code)
            yield break;
        Type[]? typeArguments = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        Type[]? methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (int at = 0; at < code.Length;)
        {
            var operation = code[at] == 0xFE ? s_opCodes[(short)(0xFE00 | code[at + 1])] : s_opCodes[code[at]];
            at += operation.Size;
            if (operation.OperandType == OperandType.InlineMethod
                && method.Module.ResolveMethod(BitConverter.ToInt32(code, at), typeArguments, methodArguments) is { } callee)
                yield return callee is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericMethodDefinition() : callee;
            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }
}
