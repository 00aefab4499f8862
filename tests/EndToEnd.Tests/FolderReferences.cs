using Mono.Cecil;
using Mono.Cecil.Rocks;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>
/// The references between the first-level folders of a project, read from its built assembly: base types, signatures, fields, attributes
/// and the bodies of methods, of nested and generated types as well. A folder is a namespace below the project's own.
/// </summary>
internal sealed class FolderReferences
{
    private readonly string _root;
    private readonly SortedDictionary<(string From, string To), string> _examples = [];

    public FolderReferences(string assembly, string rootNamespace)
    {
        using var module = ModuleDefinition.ReadModule(assembly);
        _root = rootNamespace;
        foreach (var type in module.GetAllTypes())
            ReadType(type);
    }

    /// <summary>The pairs of folders, each with the two types of one reference.</summary>
    public IReadOnlyDictionary<(string From, string To), string> Examples => _examples;

    /// <returns>The folders of a circle, the first one repeated at the end; empty where there is none.</returns>
    public IReadOnlyList<string> FindCircle()
    {
        foreach (string start in _examples.Keys.Select(pair => pair.From).Distinct())
        {
            if (PathBack(start, [start]) is { } circle)
                return circle;
        }
        return [];
    }

    private List<string>? PathBack(string start, List<string> path)
    {
        foreach (string next in _examples.Keys.Where(pair => pair.From == path[^1]).Select(pair => pair.To))
        {
            if (next == start)
                return [.. path, start];
            if (!path.Contains(next) && PathBack(start, [.. path, next]) is { } circle)
                return circle;
        }
        return null;
    }

    private void ReadType(TypeDefinition type)
    {
        Add(type, type.BaseType);
        AddAll(type, type.Interfaces.Select(implemented => implemented.InterfaceType));
        AddAll(type, type.Fields.Select(field => field.FieldType));
        AddAll(type, type.CustomAttributes.Select(attribute => attribute.AttributeType));
        foreach (var method in type.Methods)
        {
            AddMethod(type, method);
            AddAll(type, method.CustomAttributes.Select(attribute => attribute.AttributeType));
            if (!method.HasBody)
                continue;
            AddAll(type, method.Body.Variables.Select(variable => variable.VariableType));
            AddAll(type, method.Body.ExceptionHandlers.Select(handler => handler.CatchType));
            foreach (object operand in method.Body.Instructions.Select(instruction => instruction.Operand))
                ReadOperand(type, operand);
        }
    }

    private void ReadOperand(TypeDefinition from, object operand)
    {
        switch (operand)
        {
            case TypeReference type:
                Add(from, type);
                break;
            case FieldReference field:
                Add(from, field.DeclaringType);
                Add(from, field.FieldType);
                break;
            case MethodReference method:
                Add(from, method.DeclaringType);
                AddMethod(from, method);
                break;
        }
    }

    private void AddMethod(TypeDefinition from, MethodReference method)
    {
        Add(from, method.ReturnType);
        AddAll(from, method.Parameters.Select(parameter => parameter.ParameterType));
        if (method is GenericInstanceMethod generic)
            AddAll(from, generic.GenericArguments);
    }

    private void AddAll(TypeDefinition from, IEnumerable<TypeReference> types)
    {
        foreach (var type in types)
            Add(from, type);
    }

    private void Add(TypeDefinition from, TypeReference? to)
    {
        if (to is GenericInstanceType generic)
            AddAll(from, generic.GenericArguments);
        if (to?.GetElementType() is not { } element || element is GenericParameter)
            return;
        if (FolderOf(from) is { } source && FolderOf(element) is { } target && source != target)
            _examples.TryAdd((source, target), $"{from.FullName} uses {element.FullName}");
    }

    /// <returns>Null for a type in the project's root, and of another project.</returns>
    private string? FolderOf(TypeReference type)
    {
        while (type.DeclaringType is not null)
            type = type.DeclaringType;
        return type.Namespace.StartsWith(_root + ".", StringComparison.Ordinal) ? type.Namespace[(_root.Length + 1)..].Split('.')[0] : null;
    }
}
